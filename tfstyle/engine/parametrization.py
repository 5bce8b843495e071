"""What an optimizer moves, x, and the image that it stands for.

The objective is that of the image which is saved, whatever x is. What is seen of it is
affine in x, but for what photorealism clips, so that the gradient vanishes at no
lightness.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

from tfstyle.engine.guided_filter import GuidedFilter
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.images import FloatArray, Picture, colored, grey

# Of the guided filter, chosen by looking; see docs/controls.md.
SPACING = 0.05  # of its windows, of the photograph's long side
EPSILON = 1e-2  # a contrast of 0.1 is an edge
ROUNDING = 1e-5  # what it may add to a color


class Parametrization(Protocol):
    """Four functions of x, (1, height, width, channels) in [0, 1]."""

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        """Return what the objective looks at, (1, height, width, 3) in [0, 1]."""

    def gradient(self, x: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """Return the gradient at x from that of what is seen."""

    def image(self, x: tf.Tensor) -> Picture:
        """Return the picture to show and to save, (height, width, 3) in [0, 1]."""

    def start(self, picture: Picture) -> FloatArray:
        """Return an x, without its first axis, whose picture is about another one."""


class Pixels:
    """x is the image."""

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        return x

    def gradient(self, x: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
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

    def gradient(self, x: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(seen, axis=3, keepdims=True)

    def image(self, x: tf.Tensor) -> Picture:
        return colored(x.numpy()[0], self._chroma)

    def start(self, picture: Picture) -> FloatArray:
        return grey(picture)


class Masked:
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

    def gradient(self, x: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        return self._free * self._inner.gradient(self._mixed(x), seen)

    def image(self, x: tf.Tensor) -> Picture:
        picture = self._inner.image(self._mixed(x))
        # Through other color spaces and back, the last digit may differ.
        return np.where(self._mask == 1, self._photo, picture)

    def start(self, picture: Picture) -> FloatArray:
        own = self._inner.start(picture)
        x = (own - self._kept.numpy()[0]) / np.maximum(1 - self._mask, 1e-6)
        # Where little is free, any x will do; photorealism looks at it beside that.
        x = np.where(self._mask > 0.5, own, np.clip(x, 0, 1))
        return np.asarray(x, np.float32)

    def _mixed(self, x: tf.Tensor) -> tf.Tensor:
        return self._kept + self._free * x


class Photorealistic:
    """k of the guided filter of x and 1 - k of x, whatever that stands for.

    The guide is the photograph, so that within each window the image is the photograph
    in other colors (the aim of Luan et al., "Deep Photo Style Transfer", 2017, whose
    matting Laplacian only punishes what is not). Where the filter leaves [0, 1] it is
    clipped before it is seen, as it is in the image.

    Args:
        inner: what the result is the x of.
        photo: (height, width, 3).
        k: in (0, 1].
    """

    def __init__(self, inner: Parametrization, photo: Picture, k: float) -> None:
        self._inner, self._k = inner, k
        self._filter = GuidedFilter(photo, SPACING * max(photo.shape[:2]), EPSILON)

    def seen(self, x: tf.Tensor) -> tf.Tensor:
        return self._inner.seen(_clipped(self._mixed(x)))

    def gradient(self, x: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        mixed = self._mixed(x)
        # Black that rounding makes less than 0 may become lighter.
        inside = (mixed > -ROUNDING) & (mixed < 1 + ROUNDING)
        gradient = self._inner.gradient(_clipped(mixed), seen)
        gradient = tf.where(inside, gradient, 0.0)
        return (1 - self._k) * gradient + self._k * self._filter(gradient)

    def image(self, x: tf.Tensor) -> Picture:
        return self._inner.image(_clipped(self._mixed(x)))

    def start(self, picture: Picture) -> FloatArray:
        return self._inner.start(picture)

    def _mixed(self, x: tf.Tensor) -> tf.Tensor:
        return (1 - self._k) * x + self._k * self._filter(x)


def _clipped(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, 0, 1)


def make_parametrization(scaled: ScaledInputs) -> Parametrization:
    """Return what `color`, `keep` and `photorealism` ask for, at one size."""
    config = scaled.config
    luminance = config.color == "content_luminance"
    made: Parametrization = Luminance(scaled.chroma) if luminance else Pixels()
    if scaled.mask is not None:
        made = Masked(made, scaled.mask, scaled.photo)
    if config.photorealism:
        made = Photorealistic(made, scaled.photo, config.photorealism)
    return made
