"""The network is a classifier: the ImageNet classes that VGG19 sees in a picture."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstyle.images import Picture, cover
from tfstyle.system.quiet import require_tensorflow

if TYPE_CHECKING:
    import keras

SIDE = 224  # of the picture that the classifier wants, pixels


class Guess(NamedTuple):
    """A class and how sure the network is of it."""

    name: str
    probability: float  # 0 to 1


def recognize(
    picture: Picture, top: int = 5, classifier: "keras.Model | None" = None
) -> list[Guess]:
    """Return the likeliest of ImageNet's 1000 classes, the likeliest first.

    The middle of the picture is looked at, 224 px square, as VGG19 was trained.

    Args:
        picture: (height, width, 3), RGB, in [0, 1].
        top: how many classes.
        classifier: (1, 224, 224, 3) as VGG19 wants it to (1, 1000) probabilities; by
            default Keras' VGG19 with its top.

    Raises:
        ValueError: if Keras cannot download the weights or the names of the classes.
    """
    require_tensorflow()
    import keras

    vgg19 = keras.applications.vgg19
    classifier = classifier or load_classifier()
    pixels = 255 * cover(picture, SIDE, SIDE)[None]
    probabilities = np.asarray(classifier(vgg19.preprocess_input(pixels)))
    try:
        (classes,) = vgg19.decode_predictions(probabilities, top)
    except Exception as error:  # urllib, http and ssl raise many kinds
        raise _no_download("the names of ImageNet's classes (35 kB)", error) from error
    return [Guess(name, float(probability)) for _, name, probability in classes]


def load_classifier() -> "keras.Model":
    """Return Keras' VGG19 with its classifier, downloaded the first time.

    Raises:
        ValueError: if it cannot be downloaded.
    """
    import keras

    try:
        return keras.applications.VGG19(include_top=True, weights="imagenet")
    except Exception as error:  # as above
        raise _no_download("VGG19 with its classifier (575 MB)", error) from error


def _no_download(what: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:160]
    return ValueError(
        f"Keras could not download {what}: {reason}; run this once with a network, "
        "Keras keeps the files in ~/.keras/models"
    )
