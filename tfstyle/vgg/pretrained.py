"""Keras' VGG19 with its weights: bundled, downloaded, or from a file."""

import contextlib
import warnings
from collections.abc import Iterator

import keras
import numpy as np

from tfstyle.vgg.weights import BUNDLED_SHA256, bundled_file, sha256, weights_path

CHANNEL_MEANS = "vgg19_mean_activations.npz"


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Build Keras layers that compute in `precision` and keep weights in float32.

    Channels come last in them, whatever the process has set for its own.
    """
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    name = precision if precision == "float32" else f"mixed_{precision}"
    keras.config.set_dtype_policy(name)
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(data_format)


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
            with mean 0 is never active and keeps its scale.
    """
    incoming = np.ones(3, np.float32)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            mean = np.where(means[layer.name] > 0, means[layer.name], 1)
            layer.set_weights([kernel * incoming[:, None] / mean, bias / mean])
            incoming = mean
