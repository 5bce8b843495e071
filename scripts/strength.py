r"""Content against style at several strengths, for the cost of about two runs.

    python scripts/strength.py
    python scripts/strength.py --content photo.jpg --style painting.jpg \
        --strengths 0.25,0.5,1,2,4 --film webp

writes sheet.png, results.csv, a run directory for each strength, a factor of the
config's objective.style_weight, and with --film a film from the weakest to the
strongest into --output. The one in the middle is run as ever, and the others go on from
its result and each other's, so they all have one composition. Run again, it goes on.
"""

import math
import sys
from pathlib import Path

from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.cli.placing import place_from_flags
from tfstyle.images import check_film
from tfstyle.studies.grid import report, run_study
from tfstyle.studies.strength import strength_study, write_strength_film

FLAGS = flags.FLAGS
flags.DEFINE_list(
    "strengths",
    ["0.1", "0.2", "0.5", "1", "2", "5", "10"],
    "Factors, from 0.01 to 100.",
)
flags.DEFINE_integer(
    "steps", 5, "Of each run after the first, at the last size.", lower_bound=1
)
flags.DEFINE_enum("film", None, ["gif", "webp", "mp4"], "Format of a film.")

DEFAULT = Path(__file__).parent.parent / "configs" / "default.yaml"
MOST = 50  # strengths


def main() -> int:
    """Run all strengths, draw them, and make the film."""
    if FLAGS.film:
        check_film(f".{FLAGS.film}")
    FLAGS.config = FLAGS.config or str(DEFAULT)
    config = config_from_flags()
    study = strength_study(config, strengths(FLAGS.strengths), FLAGS.steps)
    folder = output_folder("runs/strength")
    result = run_study(study, folder, place_from_flags(folder))
    code = report(result, complain)
    if FLAGS.film and code == 0:
        film = folder / f"film.{FLAGS.film}"
        write_strength_film(study, folder, film)
        print(film)
    return code


def strengths(texts: list[str]) -> list[float]:
    """Return the numbers of the flag."""
    try:
        found = [float(text) for text in texts]
    except ValueError:
        found = []
    if not all(0.01 <= each <= 100 and math.isfinite(each) for each in found):
        found = []
    if not 2 <= len(set(found)) == len(found) <= MOST:
        raise ValueError(
            f"--strengths {','.join(texts)}: give 2 to {MOST} different numbers from "
            "0.01 to 100, with commas"
        )
    return found


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
