r"""Make a mask without a paint program: a grey picture, white where it counts.

    python scripts/draw_mask.py --picture photo.jpg --clusters 6

finds the parts of the picture that look alike to VGG19 and draws them, with numbers, on
clusters.png beside --output. Then, with the number of the sky, or several as in 1,4,

    python scripts/draw_mask.py --picture photo.jpg --clusters 6 --pick 1

writes mask.png. Or the mask of a rectangle, an ellipse (left, top, right, bottom as
fractions of the picture) or a color. The white part is where a style goes
(styles.mask), what is taken of it (styles.style_mask) or what stays (keep.mask).
"""

import math
import sys
from pathlib import Path

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.output import path_of
from tfstyle.images import (
    Picture,
    box_mask,
    color_mask,
    feathered,
    load_image,
    resize_mask,
    save_image,
    save_mask,
)

KINDS = ("rectangle", "ellipse", "color", "clusters")
SHEET = "clusters.png"
MOST_FEATHER = 1000  # pixels

FLAGS = flags.FLAGS
flags.DEFINE_string("picture", None, "The picture that the mask is for.")
flags.DEFINE_string("output", None, "Mask to write; by default mask.png.")
flags.DEFINE_list("rectangle", None, "left,top,right,bottom, from 0 to 1.")
flags.DEFINE_list("ellipse", None, "The box around it: left,top,right,bottom.")
flags.DEFINE_string("color", None, "Pixels of about this color, such as #3060c0.")
flags.DEFINE_float(
    "tolerance", 0.1, "How far from it, in OkLab: 1 is black to white.", 0
)
flags.DEFINE_integer("clusters", None, "Parts to divide the picture into.", 2, 32)
flags.DEFINE_string("layer", "block4_conv2", "Layer by whose features.")
flags.DEFINE_list("pick", None, "Numbers of the parts that are white.")
flags.DEFINE_integer("seed", 0, "Of where the parts begin.", 0)
flags.DEFINE_float("feather", 2.0, "Width of the soft edge, pixels.", 0)
flags.DEFINE_boolean("invert", False, "Black where it would be white.")


def main() -> int:
    """Make one kind of mask."""
    kind, output = kind_asked(), path_of("output", "mask.png")
    check(kind, output)
    picked = picks()
    output.parent.mkdir(parents=True, exist_ok=True)
    picture = load_image(FLAGS.picture)
    if kind == "clusters":
        mask = of_clusters(picture, picked, output.parent / SHEET)
    elif kind == "color":
        mask = color_mask(picture, rgb(FLAGS.color), FLAGS.tolerance)
    else:
        left, top, right, bottom = numbers(kind, float, 4)
        box = left, top, right, bottom
        mask = box_mask(picture.shape[:2], box, kind == "ellipse")
    if mask is None:
        return 0
    save_mask(output, feathered(1 - mask if FLAGS.invert else mask, FLAGS.feather))
    print(output)
    return 0


def kind_asked() -> str:
    """Return which kind of mask the flags ask for.

    Raises:
        ValueError: for none or several, or no picture.
    """
    given = [name for name in KINDS if getattr(FLAGS, name) is not None]
    if not FLAGS.picture or len(given) != 1:
        asked = " and ".join(f"--{name}" for name in given) or "none of them"
        raise ValueError(
            f"give --picture and one of --{', --'.join(KINDS)}; here is {asked}"
        )
    return given[0]


def check(kind: str, output: Path) -> None:
    """Check that a mask would harm no other picture, and the flags of all kinds.

    Raises:
        ValueError: if not.
    """
    if kind == "clusters" and output.name.lower() == SHEET:
        raise ValueError(
            f"--output {output} is where the parts are drawn with their numbers; "
            "choose another name, such as mask.png"
        )
    written = [output, *([output.with_name(SHEET)] if kind == "clusters" else [])]
    for path in written:
        if path.resolve() == Path(FLAGS.picture).resolve():
            raise ValueError(
                f"the picture {FLAGS.picture} would be overwritten by {path}; choose "
                "another --output, such as masks/mask.png"
            )
    if not FLAGS.feather <= MOST_FEATHER:  # NaN is not either
        raise ValueError(
            f"--feather {FLAGS.feather:g}: give 0 to {MOST_FEATHER} pixels"
        )
    if not math.isfinite(FLAGS.tolerance):
        raise ValueError(
            f"--tolerance {FLAGS.tolerance:g}: give a number from 0, such as 0.1"
        )


def picks() -> list[int]:
    """Return the numbers of the parts that were picked, if any.

    Raises:
        ValueError: for numbers that no part has.
    """
    if FLAGS.pick is None:
        return []
    if FLAGS.clusters is None:
        raise ValueError("--pick chooses among --clusters; give them as well")
    found = numbers("pick", int)
    if not all(1 <= each <= FLAGS.clusters for each in found):
        raise ValueError(
            f"--pick {','.join(FLAGS.pick)}: the parts are 1 to {FLAGS.clusters}"
        )
    return found


def of_clusters(picture: Picture, picked: list[int], sheet: Path) -> np.ndarray | None:
    """Draw all parts; return the mask of those that were picked, if any."""
    from tfstyle.studies.clusters import clusters, draw_clusters

    masks = clusters(picture, FLAGS.layer, FLAGS.clusters, FLAGS.seed)
    save_image(sheet, draw_clusters(picture, masks))
    print(sheet)
    if not picked:
        return None
    parts = [number - 1 for number in {*picked}]
    return resize_mask(
        masks[..., parts].sum(axis=-1, keepdims=True), *picture.shape[:2]
    )


def numbers(flag: str, kind: type, count: int | None = None) -> list:
    """Return the numbers of a flag.

    Raises:
        ValueError: for something else, or another count of them.
    """
    texts = getattr(FLAGS, flag)
    try:
        found = [kind(text) for text in texts]
    except ValueError:
        found = []
    if not found or count not in (None, len(found)):
        came = ",".join(texts) or "has none"
        expected = f"{count} numbers" if count else "whole numbers"
        raise ValueError(f"--{flag} {came}: give {expected}, with commas")
    return found


def rgb(text: str) -> list[float]:
    """Return a color written as #rrggbb, each part in [0, 1]."""
    digits = text.removeprefix("#")
    try:
        if len(digits) != 6 or not digits.isalnum():  # int() takes "+1"
            raise ValueError
        return [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    except ValueError:
        raise ValueError(f"--color {text!r} is no color; write it as #3060c0") from None


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
