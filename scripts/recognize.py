"""Say what VGG19 sees in a picture: its five likeliest ImageNet classes.

    python scripts/recognize.py --content photo.jpg

The classifier is not part of tfstyle: Keras downloads it the first time (575 MB).
"""

import sys

from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.options import config_from_flags
from tfstyle.images import load_image
from tfstyle.studies.recognition import recognize

FLAGS = flags.FLAGS
flags.DEFINE_integer("top", 5, "How many classes.", lower_bound=1, upper_bound=1000)


def main() -> int:
    """Print a line per class."""
    path = config_from_flags().content.path
    if path is None:
        raise ValueError("no picture; give --content PATH")
    for name, probability in recognize(load_image(path), FLAGS.top):
        print(f"{probability:7.1%}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
