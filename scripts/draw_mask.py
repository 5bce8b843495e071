r"""Make a mask without a paint program: a grey picture, white where it counts.

    python scripts/draw_mask.py --picture photo.jpg --clusters 6

finds the parts of the picture that look alike to VGG19 and draws them, with numbers, on
clusters.png beside --output. Then, with the numbers of the sky,

    python scripts/draw_mask.py --picture photo.jpg --clusters 6 --pick 1,4

writes mask.png. Or the mask of a rectangle, an ellipse (left, top, right, bottom as
fractions of the picture) or a color. The white part is where a style goes
(styles.mask), what is taken of it (styles.style_mask) or what stays (keep.mask).
"""

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
    save_image,
    save_mask,
)

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
flags.DEFINE_string("layer", "block4_conv1", "Layer by whose features.")
flags.DEFINE_list("pick", None, "Numbers of the parts that are white.")
flags.DEFINE_integer("seed", 0, "Of where the parts begin.")
flags.DEFINE_float("feather", 2.0, "Width of the soft edge, pixels.", 0)
flags.DEFINE_boolean("invert", False, "Black where it would be white.")


def main() -> int:
    """Make one kind of mask."""
    kinds = ("rectangle", "ellipse", "color", "clusters")
    given = [name for name in kinds if getattr(FLAGS, name) is not None]
    if FLAGS.picture is None or len(given) != 1:
        asked = " and ".join(f"--{name}" for name in given) or "none of them"
        raise ValueError(
            f"give --picture and one of --{', --'.join(kinds)}; here is {asked}"
        )
    if FLAGS.pick is not None and given != ["clusters"]:
        raise ValueError("--pick chooses among --clusters; give them as well")
    output, picture = path_of("output", "mask.png"), load_image(FLAGS.picture)
    if given == ["clusters"]:
        mask = of_clusters(picture, output.with_name("clusters.png"))
    elif given == ["color"]:
        mask = color_mask(picture, rgb(FLAGS.color), FLAGS.tolerance)
    else:
        box = numbers(given[0], float, 4)
        mask = box_mask(picture.shape[:2], tuple(box), given == ["ellipse"])
    if mask is None:
        return 0
    save_mask(output, feathered(1 - mask if FLAGS.invert else mask, FLAGS.feather))
    print(output)
    return 0


def of_clusters(picture: Picture, sheet: Path) -> np.ndarray | None:
    """Return the mask of the parts that were picked; draw all of them."""
    from tfstyle.studies.clusters import clusters, draw_clusters

    masks = clusters(picture, FLAGS.layer, FLAGS.clusters, FLAGS.seed)
    save_image(sheet, draw_clusters(picture, masks))
    print(sheet)
    if FLAGS.pick is None:
        return None
    picked = numbers("pick", int)
    if not all(1 <= each <= FLAGS.clusters for each in picked):
        raise ValueError(f"--pick {FLAGS.pick}: the parts are 1 to {FLAGS.clusters}")
    return np.clip(
        masks[..., [each - 1 for each in picked]].sum(-1, keepdims=True), 0, 1
    )


def numbers(flag: str, kind: type, count: int | None = None) -> list:
    """Return the numbers of a flag."""
    texts = getattr(FLAGS, flag)
    try:
        found = [kind(text) for text in texts]
    except ValueError:
        found = []
    if not found or count not in (None, len(found)):
        expected = f"{count} numbers" if count else "numbers"
        raise ValueError(f"--{flag} {','.join(texts)}: give {expected}, with commas")
    return found


def rgb(text: str) -> list[float]:
    """Return a color written as #rrggbb, each part in [0, 1]."""
    digits = text.removeprefix("#")
    try:
        if len(digits) != 6:
            raise ValueError
        return [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    except ValueError:
        raise ValueError(f"--color {text!r} is no color; write it as #3060c0") from None


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
