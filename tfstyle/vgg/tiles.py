"""VGG19 over a tile of a picture: exactly what the whole picture has there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfstyle.vgg.borders import Mirrored


@dataclass(frozen=True)
class TileNetwork:
    """A network over a tile of a picture: exactly what the whole picture has there.

    A layer sees further than its own position, so a tile comes with a halo, which each
    layer trims to what the ones after it still need. At the picture's borders there is
    none, and the network pads with zeros as it does for the whole picture.
    """

    network: (
        keras.Model | None
    )  # None: no layers; [(1, h, w, 3), (4,)] to {layer name: features of the tile}
    halo: int  # pixels around the tile that its features depend on
    strides: Mapping[str, int]  # layer name to pixels per position

    @property
    def stride(self) -> int:
        """Of the deepest layer, in pixels: tiles begin at multiples of it."""
        return max(self.strides.values(), default=1)

    def __call__(
        self, crop: keras.KerasTensor, margins: keras.KerasTensor
    ) -> dict[str, keras.KerasTensor]:
        """Return the features of a tile, without its halo.

        Args:
            crop: tile and halo, (1, h, w, 3), in [0, 1].
            margins: (4,), integers: pixels of the halo at the top, bottom, left and
                right; less than `halo` only where the picture ends.
        """
        if self.network is None:
            return {}
        features: dict[str, keras.KerasTensor] = self.network([crop, margins])
        return features


def tile_network(network: keras.Model, wanted: Iterable[str]) -> TileNetwork:
    """Return the same network, with the same weights, for tiles of a picture.

    Args:
        network: from `vgg19`: a chain of convolutions of 3 x 3 and poolings of 2 x 2.
        wanted: some of its outputs; it is cut at the deepest of them. None of them
            leaves the pixels, whose neighbors the variation looks at.
    """
    wanted = set(wanted)
    if not wanted:
        return TileNetwork(None, 1, {})
    chain = list(network.layers[1:])
    while chain[-1].name not in wanted:
        chain.pop()
    image = keras.Input((None, None, 3), dtype="float32")
    margins = keras.Input(batch_shape=(4,), dtype="int32")
    halos = _halos(chain)
    features, stride, outputs, strides = image, 1, {}, {}
    for layer, before, after in zip(chain, halos, [*halos[1:], 0], strict=True):
        features = layer(features)
        if _pools(layer):
            stride, before = 2 * stride, before // 2
        if layer.name in wanted:
            outputs[layer.name] = Trim(stride, before, 0)(features, margins)
            strides[layer.name] = stride
        if after < before:
            features = Trim(stride, before, after)(features, margins)
    return TileNetwork(keras.Model([image, margins], outputs), halos[0], strides)


def _halos(chain: Sequence[keras.layers.Layer]) -> list[int]:
    """Return how many positions of halo the input of each layer needs at each side."""
    halo, halos = 0, []
    for layer in reversed(chain):
        if _pools(layer):
            halo *= 2
        elif isinstance(layer, keras.layers.Conv2D | Mirrored):
            halo += 1  # kernels are 3 x 3
        halos.append(halo)
    return halos[::-1]


def _pools(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.MaxPooling2D | keras.layers.AveragePooling2D)


class Trim(keras.layers.Layer):  # type: ignore[misc]
    """Take away the outermost positions that are halo and needed no more.

    Args:
        stride: pixels per position.
        before: positions of halo at a side, where the picture does not end sooner.
        after: positions of it that remain.
    """

    def __init__(self, stride: int, before: int, after: int) -> None:
        super().__init__(trainable=False, autocast=False)
        self.stride, self.before, self.after = stride, before, after

    def call(self, features: tf.Tensor, margins: tf.Tensor) -> tf.Tensor:
        """Trim features (1, h, w, C) of a tile whose halo is `margins` pixels wide."""
        there = tf.minimum(margins // self.stride, self.before)
        top, bottom, left, right = tf.unstack(tf.maximum(there - self.after, 0))
        _, height, width, channels = tf.unstack(tf.shape(features))
        # Not features[...], whose gradient TensorFlow computes in one slow thread.
        size = (1, height - top - bottom, width - left - right, channels)
        return tf.slice(features, (0, top, left, 0), size)
