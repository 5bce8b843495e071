"""Show a poster: the whole scaled down, and beside it a part pixel by pixel.

    python scripts/draw_poster.py --picture runs/poster/result.png --output poster.jpg

A frame in the whole marks the part.
"""

import sys

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.output import path_of
from tfstyle.images import load_image, resize, save_image

flags.DEFINE_string("picture", None, "The poster; by default runs/default/result.png.")
flags.DEFINE_string("output", None, "Picture to write; by default poster.jpg.")
flags.DEFINE_integer("side", 640, "Height of both, pixels.", lower_bound=64)
flags.DEFINE_float("across", 0.5, "Middle of the part, 0 (left) to 1.", 0, 1)
flags.DEFINE_float("down", 0.5, "Middle of the part, 0 (top) to 1.", 0, 1)
FLAGS = flags.FLAGS
GAP = 24  # pixels


def main() -> int:
    """Cut the part, frame it in the whole, write both."""
    picture = path_of("picture", "runs/default/result.png")
    output = path_of("output", "poster.jpg")
    poster, side = load_image(picture, max_megapixels=1000), FLAGS.side
    height, width, _ = poster.shape
    if min(height, width) < side:
        raise ValueError(
            f"the picture has {width} x {height} pixels; give one of at least {side} "
            f"a side, or a smaller --side"
        )
    top = min(max(0, round(FLAGS.down * height - side / 2)), height - side)
    left = min(max(0, round(FLAGS.across * width - side / 2)), width - side)
    part = poster[top : top + side, left : left + side]
    whole = resize(poster, side, round(width * side / height))
    frame(whole, *(round(each * side / height) for each in (top, left, side)))
    gap = np.ones((side, GAP, 3), np.float32)
    save_image(output, np.concatenate([whole, gap, part], axis=1))
    print(output)
    return 0


def frame(image: np.ndarray, top: int, left: int, side: int) -> None:
    """Draw a white square, two pixels thick, into (h, w, 3)."""
    bottom, right = min(top + side, len(image)) - 1, left + side - 1
    image[top : top + 2, left:right] = image[bottom - 1 : bottom + 1, left:right] = 1
    image[top:bottom, left : left + 2] = image[top:bottom, right - 1 : right + 1] = 1


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
