"""VGG19 as a function from an image to the features of the layers asked for.

The only place that knows how VGG19 wants its pixels: BGR, 0..255, the channel means of
ImageNet subtracted.
"""

from collections.abc import Iterable

import keras

from tfstyle.vgg.borders import Mirrored
from tfstyle.vgg.layers import layer as known
from tfstyle.vgg.pretrained import (
    computing_in,
    load_vgg19,
    mean_activations,
    normalize,
)


def vgg19(
    layers: Iterable[str],
    weights: str = "bundled",
    pooling: str = "avg",
    normalized: bool = False,
    precision: str = "float32",
    padding: str = "zeros",
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
        padding: "zeros", as VGG19 was trained, or "mirror": the first convolution sees
            the picture mirrored at its borders.

    Returns:
        A model with features (1, h', w', C) by layer name, from shallow to deep.

    Raises:
        ValueError: for an unknown layer or weights that cannot be used.
    """
    network = pretrained(weights, normalized, precision)
    return cut(network, layers, pooling, precision, padding)


def pretrained(
    weights: str = "bundled", normalized: bool = False, precision: str = "float32"
) -> keras.Model:
    """Return all of VGG19's layers, which several extractors can have in common.

    Arguments and errors are those of `vgg19`.
    """
    with computing_in(precision):
        network = load_vgg19(weights)
        if normalized:
            normalize(network, mean_activations())
        return network


def cut(
    network: keras.Model,
    layers: Iterable[str],
    pooling: str = "avg",
    precision: str = "float32",
    padding: str = "zeros",
) -> keras.Model:
    """Return an extractor that ends at the deepest of `layers`.

    Args:
        network: from `pretrained`, whose convolutions it has, not copies of them.
        layers: as in `vgg19`.
        pooling: as in `vgg19`.
        precision: of the network.
        padding: as in `vgg19`.

    Raises:
        ValueError: for an unknown layer, or none.
    """
    wanted = {known(name).name for name in layers}
    if not wanted:
        raise ValueError("no layer was asked for; name at least one, as block4_conv2")
    with computing_in(precision):
        return _cut(network, wanted, pooling, padding)


def _cut(
    network: keras.Model, wanted: set[str], pooling: str, padding: str
) -> keras.Model:
    """Rebuild the network from an RGB image to the deepest layer wanted."""
    image = keras.Input((None, None, 3), dtype="float32", name="image")
    features = keras.layers.Lambda(preprocess, dtype="float32")(image)
    outputs = {}
    for layer in network.layers[1:]:
        if pooling == "avg" and isinstance(layer, keras.layers.MaxPooling2D):
            layer = keras.layers.AveragePooling2D(2, name=layer.name)
        if padding == "mirror" and layer.name == "block1_conv1":
            layer = Mirrored(layer, name=layer.name)
        features = layer(features)
        if layer.name in wanted:
            outputs[layer.name] = features
        if len(outputs) == len(wanted):
            break
    model = keras.Model(image, outputs, name="vgg19")
    model.trainable = False
    return model


def preprocess(image: keras.KerasTensor) -> keras.KerasTensor:
    """Turn RGB in [0, 1] into what VGG19 was trained on: BGR, 0..255, means removed."""
    return keras.applications.vgg19.preprocess_input(
        image * 255.0, data_format="channels_last"
    )
