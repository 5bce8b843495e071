r"""Run a grid over any keys of a config, and draw it as one sheet.

    python scripts/ablate.py --config configs/studies/ratio.yaml
    python scripts/ablate.py --config configs/default.yaml --size 192 \
        --columns 'objective.style_weight=[5, 20, 40]' --rows 'init=[content, noise]'

writes sheet.png, results.csv and a run directory for each cell into --output. Run
again, it goes on: finished cells are kept, changed ones redone. --content, --style,
--size and --set change all cells; where the grid varies the styles, --style names them
and may be repeated.
"""

import sys
from pathlib import Path
from typing import Any

from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.options import output_folder, overrides_from_flags
from tfstyle.cli.placing import place_from_flags
from tfstyle.config.loading import parse_override
from tfstyle.studies.grid import report, run_study
from tfstyle.studies.study import load_study

FLAGS = flags.FLAGS
flags.DEFINE_string("columns", None, "KEY=[VALUE, ...] that varies from left to right.")
flags.DEFINE_string("rows", None, "KEY=[VALUE, ...] that varies from top to bottom.")


def main() -> int:
    """Run the study that the flags name."""
    if not FLAGS.config:
        raise ValueError("no study; give --config, such as configs/studies/ratio.yaml")
    axes = {"columns": axis(FLAGS.columns), "rows": axis(FLAGS.rows)}
    study = load_study(FLAGS.config, overrides_from_flags(), axes)
    folder = output_folder(f"runs/{Path(FLAGS.config).stem}")
    return report(run_study(study, folder, place_from_flags(folder)), complain)


def axis(text: str | None) -> dict[str, Any] | None:
    """Turn KEY=[VALUES] into an axis."""
    return dict([parse_override(text)]) if text else None


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
