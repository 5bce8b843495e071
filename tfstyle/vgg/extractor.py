"""VGG19 as a function from an image to the features of the layers asked for.

The only module that knows how VGG19 wants its pixels (BGR, 0..255, the channel means of
ImageNet subtracted), its poolings and its weights files.
"""

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfstyle.errors import nearest
from tfstyle.vgg.layers import VGG19_LAYERS
from tfstyle.vgg.weights import BUNDLED_SHA256, bundled_file, sha256, weights_path

CHANNEL_MEANS = "vgg19_mean_activations.npz"


def vgg19(
    layers: Iterable[str],
    weights: str = "bundled",
    pooling: str = "avg",
    normalized: bool = False,
    precision: str = "float32",
) -> keras.Model:
    """Build the frozen network: (1, h, w, 3) RGB in [0, 1] to {layer name: features}.

    It is cut at the deepest of `layers`, so nothing below that is computed. Average
    pooling and normalized filters are the choices of Gatys et al. (2016, section 2).

    Args:
        layers: Keras' names, such as "block4_conv2" (the paper's relu4_2).
        weights: "bundled", "imagenet" (Keras' download) or the path of a Keras file.
        pooling: "avg" or "max".
        normalized: rescale the filters to a mean activation of one; see `normalize`.
        precision: "float32", or "bfloat16" or "float16" for the convolutions and their
            features; weights stay in float32.

    Returns:
        A model with features (1, h', w', C) by layer name, from shallow to deep.

    Raises:
        ValueError: for an unknown layer or weights that cannot be used.
    """
    wanted = set(layers)
    for name in wanted - set(VGG19_LAYERS):
        raise ValueError(
            f"{name!r} is no layer of VGG19{nearest(name, VGG19_LAYERS)}; "
            "choose from block1_conv1 ... block5_pool"
        )
    if not wanted:
        raise ValueError("no layer was asked for; name at least one, as block4_conv2")
    with computing_in(precision):
        network = load_vgg19(weights)
        if normalized:
            normalize(network, mean_activations())
        return _cut(network, wanted, pooling)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Build Keras layers that compute in `precision` and keep weights in float32."""
    before = keras.config.dtype_policy()
    name = precision if precision == "float32" else f"mixed_{precision}"
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _cut(network: keras.Model, wanted: set[str], pooling: str) -> keras.Model:
    """Rebuild the network from an RGB image to the deepest layer wanted."""
    image = keras.Input((None, None, 3), dtype="float32", name="image")
    features = keras.layers.Lambda(preprocess, dtype="float32")(image)
    outputs = {}
    for layer in network.layers[1:]:
        if pooling == "avg" and isinstance(layer, keras.layers.MaxPooling2D):
            layer = keras.layers.AveragePooling2D(2, name=layer.name)
        features = layer(features)
        if layer.name in wanted:
            outputs[layer.name] = features
        if len(outputs) == len(wanted):
            break
    model = keras.Model(image, outputs, name="vgg19")
    model.trainable = False
    return model


@dataclass(frozen=True)
class TileNetwork:
    """A network over a tile of a picture: exactly what the whole picture has there.

    A layer sees further than its own position, so a tile comes with a halo, which each
    layer trims to what the ones after it still need. At the picture's borders there is
    none, and the network pads with zeros as it does for the whole picture.
    """

    network: keras.Model  # [(1, h, w, 3), (4,)] to {layer name: features of the tile}
    halo: int  # pixels around the tile that its features depend on
    strides: Mapping[str, int]  # layer name to pixels per position

    @property
    def stride(self) -> int:
        """Of the deepest layer, in pixels: tiles begin at multiples of it."""
        return max(self.strides.values())

    def __call__(
        self, crop: keras.KerasTensor, margins: keras.KerasTensor
    ) -> dict[str, keras.KerasTensor]:
        """Return the features of a tile, without its halo.

        Args:
            crop: tile and halo, (1, h, w, 3), in [0, 1].
            margins: (4,), integers: pixels of the halo at the top, bottom, left and
                right; less than `halo` only where the picture ends.
        """
        features: dict[str, keras.KerasTensor] = self.network([crop, margins])
        return features


def tile_network(network: keras.Model, wanted: Iterable[str]) -> TileNetwork:
    """Return the same network, with the same weights, for tiles of a picture.

    Args:
        network: from `vgg19`: a chain of convolutions of 3 x 3 and poolings of 2 x 2.
        wanted: some of its outputs; it is cut at the deepest of them.
    """
    chain = list(network.layers[1:])
    wanted = set(wanted)
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
        elif isinstance(layer, keras.layers.Conv2D):
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


def preprocess(image: keras.KerasTensor) -> keras.KerasTensor:
    """Turn RGB in [0, 1] into what VGG19 was trained on: BGR, 0..255, means removed."""
    return keras.applications.vgg19.preprocess_input(image * 255.0)


def load_vgg19(weights: str = "bundled") -> keras.Model:
    """Build Keras' VGG19 without its classifier and load its weights.

    Raises:
        ValueError: if the file is missing, damaged or of another network, or if the
            download of "imagenet" fails.
    """
    if weights == "imagenet":
        return _download_vgg19()
    path = weights_path(weights)
    if weights == "bundled" and sha256(path) != BUNDLED_SHA256:
        raise ValueError(
            f"the bundled weights {path} are damaged (their checksum is wrong); "
            "install tfstyle again, or set extractor.weights=imagenet"
        )
    network = keras.applications.VGG19(include_top=False, weights=None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras' many lines on what does not fit
            network.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds for a bad file
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"weights {path} are not those of Keras' VGG19 without top ({reason}); "
            "give such a .weights.h5 or .h5 file, or set extractor.weights=bundled"
        ) from error
    return network


def _download_vgg19() -> keras.Model:
    try:
        return keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:  # urllib, http and ssl raise many kinds
        reason = " ".join(str(error).split())[:160]
        raise ValueError(
            f"Keras could not download VGG19's weights ({reason}); set "
            "extractor.weights=bundled for the same weights without a network"
        ) from error


def mean_activations() -> dict[str, np.ndarray]:
    """Return each convolution's mean activation by channel, (C,), shipped with tfstyle.

    scripts/measure_activations.py measures them over a set of photographs.
    """
    with np.load(bundled_file(CHANNEL_MEANS)) as file:
        return dict(file)


def normalize(network: keras.Model, means: dict[str, np.ndarray]) -> None:
    """Rescale the filters of `network`, in place, so that each activation's mean is 1.

    A filter divided by its mean activation m, and the next layer's weights for that
    channel multiplied by it, compute the same function up to the channel's scale:
    ReLU and pooling let positive factors through (Gatys et al. 2016, section 2).

    Args:
        network: Keras' VGG19.
        means: for each convolution its mean activations, (C,), at least 0. A channel
            with mean 0 never fires and keeps its scale.
    """
    incoming = np.ones(3, np.float32)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            mean = np.where(means[layer.name] > 0, means[layer.name], 1)
            layer.set_weights([kernel * incoming[:, None] / mean, bias / mean])
            incoming = mean
