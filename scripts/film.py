"""Run a transfer and keep how it came about: a film, and a strip x_1, x_2 ... x_n.

    python scripts/film.py
    python scripts/film.py --content photo.jpg --style painting.jpg --format mp4

writes sheet.png (the strip), results.csv (its losses) and the run, with film.gif,
film.webp or film.mp4, into --output. MP4 needs pip install 'tfstyle[film]'.
"""

import sys
from pathlib import Path

from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.images import check_film
from tfstyle.runs.folder import check_writable
from tfstyle.runs.inputs import load_inputs
from tfstyle.studies.film import make_film

FLAGS = flags.FLAGS
flags.DEFINE_enum("format", None, ["gif", "webp", "mp4"], "Of the film; default webp.")

STUDY = Path(__file__).parent.parent / "configs" / "studies" / "film.yaml"


def main() -> int:
    """Make the film of the run that the flags describe."""
    FLAGS.config = FLAGS.config or str(STUDY)
    config = config_from_flags()
    film = FLAGS.format or config.output.film or "webp"
    check_film(f".{film}")
    config = config.with_overrides({"output.film": film})
    inputs = load_inputs(config)
    folder = output_folder("runs/film")
    check_writable(folder)
    for path in make_film(config, inputs, folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
