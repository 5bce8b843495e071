"""Draw the three sample style images, each from nothing but random numbers.

    python scripts/draw_styles.py --output examples/style

writes swirls.jpg (oil paint), glass.jpg (stained glass) and marbling.jpg (marbled
paper); scripts/styles/ says how each is drawn. The same seed and size always give the
same pictures.
"""

import sys

import numpy as np
from absl import flags
from styles.glass import glass
from styles.marbling import marbling
from styles.swirls import swirls
from styles.tools import save

from tfstyle.cli.command import command
from tfstyle.cli.output import output_folder

FLAGS = flags.FLAGS
flags.DEFINE_string("output", None, "Folder for them; by default examples/style.")
flags.DEFINE_integer("size", 768, "Long side of a picture, pixels.", lower_bound=64)
flags.DEFINE_integer("seed", 3, "Seed of the random numbers.", lower_bound=0)


def main() -> int:
    """Draw the pictures, each from random numbers of its own."""
    folder = output_folder("examples/style")
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate([swirls, glass, marbling]):
        rng = np.random.default_rng([FLAGS.seed, number])
        save(picture(rng, FLAGS.size), folder / f"{picture.__name__}.jpg")
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
