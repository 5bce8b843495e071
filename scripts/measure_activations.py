"""Measure VGG19's mean activations over pictures, for `extractor.normalized`.

    pip install '.[samples]' && python scripts/measure_activations.py

writes tfstyle/data/vgg19_mean_activations.npz: for each of the 16 convolutions the
mean of every channel, (C,) float32, over all positions of all pictures. The paper used
ImageNet's validation pictures; these are the photographs that scikit-image carries and
the paintings in examples/, without whose colors some channels would hardly ever fire.
"""

import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.images import load_image
from tfstyle.vgg.extractor import CHANNEL_MEANS, vgg19
from tfstyle.vgg.layers import VGG19_LAYERS

PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg"),
    *("motorcycle_left.png", "motorcycle_right.png", "rocket.jpg"),
)

flags.DEFINE_string("output", f"tfstyle/data/{CHANNEL_MEANS}", "File to write.")


def main() -> int:
    """Average each picture's means, every picture with the same weight."""
    layers = [name for name in VGG19_LAYERS if "conv" in name]
    network = vgg19(layers, pooling="max")
    means = dict.fromkeys(layers, 0.0)
    pictures = [Path(str(files("skimage"))) / "data" / name for name in PHOTOGRAPHS]
    pictures += sorted(Path("examples/style").glob("*.jpg"))
    for picture in pictures:
        image = load_image(picture)
        for name, features in network(image[None]).items():
            mean = np.mean(features, axis=(0, 1, 2), dtype=np.float64)
            means[name] = means[name] + mean / len(pictures)
        print(picture.name, image.shape)
    np.savez(flags.FLAGS.output, **{k: np.float32(v) for k, v in means.items()})
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
