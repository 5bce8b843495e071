"""What an optimizer moves, x, and the image that it stands for.

The objective is that of the image which is saved, whatever x is. What is seen of it is
affine in x, so that the gradient needs no x, and vanishes at no lightness.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

from tfstyle.engine.scaled import ScaledInputs
from tfstyle.images import FloatArray, Picture, colored, grey


class Parametrization(Protocol):
    """Four functions of x, (1, height, width, channels) in [0, 1]."""

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        """Return what the objective looks at, (1, height, width, 3) in [0, 1]."""

    def gradient(self, seen: tf.Tensor) -> tf.Tensor:
        """Return the gradient of x from that of what is seen."""

    def image(self, x: tf.Tensor) -> Picture:
        """Return the picture to show and to save, (height, width, 3) in [0, 1]."""

    def start(self, picture: Picture) -> FloatArray:
        """Return the x, without its first axis, whose picture is most like another."""


class Pixels:
    """x is the image."""

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        return x

    def gradient(self, seen: tf.Tensor) -> tf.Tensor:
        return seen

    def image(self, x: tf.Tensor) -> Picture:
        picture: Picture = x.numpy()[0]
        return picture

    def start(self, picture: Picture) -> FloatArray:
        return picture


class Luminance:
    """x is the lightness alone, under a chroma that stays (Gatys et al. 2017).

    The lightness is OkLab's, where the paper has YIQ's, and is written as the grey of
    that lightness: the objective looks at the grey picture. The image is as light, as
    it is its chroma that is lowered where sRGB cannot show a color; so the losses are
    those of its luminance.

    Args:
        chroma: (height, width, 2), of OkLab.
    """

    def __init__(self, chroma: FloatArray) -> None:
        self._chroma = chroma

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        return tf.repeat(x, 3, axis=3)

    def gradient(self, seen: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(seen, axis=3, keepdims=True)

    def image(self, x: tf.Tensor) -> Picture:
        return colored(x.numpy()[0], self._chroma)

    def start(self, picture: Picture) -> FloatArray:
        return grey(picture)


class Kept:
    """k of the photograph and 1 - k of x, whatever x stands for.

    Args:
        inner: what the rest is made of.
        mask: k, (height, width, 1), in [0, 1]; where it is 1 no pixel moves.
        photo: (height, width, 3).
    """

    def __init__(
        self, inner: Parametrization, mask: FloatArray, photo: Picture
    ) -> None:
        self._inner, self._mask, self._photo = inner, mask, photo
        self._kept = tf.constant(mask[None] * inner.start(photo)[None])
        self._free = tf.constant(1 - mask[None])

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        return self._inner.seen(self._mixed(x))

    def gradient(self, seen: tf.Tensor) -> tf.Tensor:
        return self._free * self._inner.gradient(seen)

    def image(self, x: tf.Tensor) -> Picture:
        picture = self._inner.image(self._mixed(x))
        # Through other color spaces and back, the last digit may differ.
        return np.where(self._mask == 1, self._photo, picture)

    def start(self, picture: Picture) -> FloatArray:
        rest = self._inner.start(picture) - self._kept.numpy()[0]
        # Where nothing is free, any x will do.
        x = rest / np.maximum(1 - self._mask, 1e-6)
        inside: FloatArray = np.clip(x, 0, 1).astype(np.float32)
        return inside

    def _mixed(self, x: tf.Tensor) -> tf.Tensor:
        return self._kept + self._free * x


def make_parametrization(scaled: ScaledInputs) -> Parametrization:
    """Return what the config's `color` and `keep` ask for, at one size."""
    luminance = scaled.config.color == "content_luminance"
    inner = Luminance(scaled.chroma) if luminance else Pixels()
    if scaled.mask is None:
        return inner
    return Kept(inner, scaled.mask, scaled.photo)
