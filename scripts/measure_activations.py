"""Measure VGG19's mean activations over pictures, for `extractor.normalized`.

    pip install '.[samples]' && python scripts/measure_activations.py

writes tfstyle/data/vgg19_mean_activations.npz: for each of the 16 convolutions the
mean of every channel, (C,) float32, over all positions of all pictures. The paper used
ImageNet's validation pictures; these are the photographs that scikit-image carries and
the drawings in examples/, without whose colors some channels would hardly ever fire.
"""

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.output import path_of
from tfstyle.images import load_image
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow
from tfstyle.vgg.layers import LAYERS

PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg"),
    *("motorcycle_left.png", "motorcycle_right.png", "rocket.jpg"),
)

DRAWN = ("glass.jpg", "marbling.jpg", "swirls.jpg")

FILE = "tfstyle/data/vgg19_mean_activations.npz"
flags.DEFINE_string("output", None, f"File to write; by default {FILE}.")


def main() -> int:
    """Average each picture's means, every picture with the same weight."""
    output = path_of("output", FILE)
    pictures = [Path(str(files("skimage"))) / "data" / name for name in PHOTOGRAPHS]
    pictures += [Path("examples/style") / name for name in DRAWN]
    require_tensorflow()
    with prepared():
        means = mean_activations(pictures)
    np.savez(output, **{name: np.float32(mean) for name, mean in means.items()})
    return 0


def mean_activations(pictures: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return the mean of each convolution's channels, (C,), over all pictures."""
    from tfstyle.vgg.extractor import vgg19

    layers = [name for name, layer in LAYERS.items() if not layer.pools]
    network = vgg19(layers, pooling="max")
    means = {name: np.zeros(LAYERS[name].channels) for name in layers}
    for picture in pictures:
        image = load_image(picture)
        for name, features in network(image[None]).items():
            mean = np.mean(features, axis=(0, 1, 2), dtype=np.float64)
            means[name] += mean / len(pictures)
        print(picture.name, image.shape)
    return means


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
