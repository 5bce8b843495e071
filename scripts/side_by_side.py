"""Lay the pictures of a run side by side: content + style = result.

    python scripts/side_by_side.py --run_dir runs/default --output row.jpg

reads which pictures they were from the run's own config.yaml.
"""

import sys

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.output import path_of
from tfstyle.config.loading import load_config
from tfstyle.images import load_image, resize, save_image

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Folder of a run; by default runs/default.")
flags.DEFINE_string("output", None, "Picture to write; by default side_by_side.jpg.")
flags.DEFINE_integer("height", 320, "Height of the pictures, pixels.", lower_bound=16)

GAP = 48  # pixels, with the sign in it
PLUS = [(-10, 10, -2, 2), (-2, 2, -10, 10)]  # bars: left, right, top, bottom
EQUALS = [(-10, 10, -7, -3), (-10, 10, 3, 7)]


def main() -> int:
    """Read the run, draw the row, write it."""
    run_dir = path_of("run_dir", "runs/default")
    output = path_of("output", "side_by_side.jpg")
    config = load_config(run_dir / "config.yaml")
    styles = [style.path for style in config.styles]
    paths = [config.content.path, *styles, run_dir / "result.png"]
    signs = [[], *[PLUS] * len(styles), EQUALS]
    row = []
    for path, sign in zip(paths, signs, strict=True):
        if sign:
            row.append(drawn(sign, FLAGS.height))
        row.append(at_height(load_image(path), FLAGS.height))
    save_image(output, np.concatenate(row, axis=1))
    print(output)
    return 0


def at_height(image: np.ndarray, height: int) -> np.ndarray:
    """Resize (h, w, 3) to the height, keeping the ratio."""
    return resize(image, height, round(image.shape[1] * height / image.shape[0]))


def drawn(sign: list[tuple[int, int, int, int]], height: int) -> np.ndarray:
    """Return a white gap, (height, GAP, 3), with the bars of a sign in its middle."""
    gap = np.ones((height, GAP, 3), np.float32)
    for left, right, top, bottom in sign:
        down, across = height // 2, GAP // 2
        gap[down + top : down + bottom, across + left : across + right] = 0.25
    return gap


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
