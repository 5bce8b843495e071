"""Draw what a layer of VGG19 sees in a picture: white is large, black is nothing.

    python scripts/feature_maps.py
    python scripts/feature_maps.py --content photo.jpg --layer block3_conv1 --channel 7

writes sheet.png (all maps of the layer, or the one asked for), blocks.png (the first
map of each block's first layer) and results.csv (a row per map) into --output.
"""

import sys
from pathlib import Path

from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.images import load_image
from tfstyle.studies.feature_maps import draw_feature_maps

FLAGS = flags.FLAGS
flags.DEFINE_string("layer", "block1_conv1", "Layer whose maps are drawn.")
flags.DEFINE_integer("channel", None, "Draw this map alone, from 0.")

STUDY = Path(__file__).parent.parent / "configs" / "studies" / "feature_maps.yaml"


def main() -> int:
    """Draw the maps that the flags name."""
    FLAGS.config = FLAGS.config or str(STUDY)
    config = config_from_flags()
    if config.content.path is None:
        raise ValueError("no picture; give --content PATH")
    folder = output_folder("runs/feature_maps")
    content = load_image(config.content.path)
    for path in draw_feature_maps(config, content, FLAGS.layer, FLAGS.channel, folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
