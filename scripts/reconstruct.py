"""Rebuild a picture from white noise by what single layers of the network hold of it.

    python scripts/reconstruct.py --of content        # the photograph, layer by layer
    python scripts/reconstruct.py --of style          # the texture, with more layers
    python scripts/reconstruct.py --of content --content photo.jpg --layers block4_conv2

Both are ordinary runs, with the other weight at zero, as configs/studies/ says;
--config takes another study. It writes sheet.png, results.csv and a run directory for
each cell into --output, and goes on if run again.
"""

import sys
from pathlib import Path
from typing import Any

from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.options import output_folder, overrides_from_flags
from tfstyle.studies.grid import report, run_study
from tfstyle.studies.study import load_study

FLAGS = flags.FLAGS
flags.DEFINE_enum("of", "content", ["content", "style"], "What is rebuilt.")
flags.DEFINE_list("layers", None, "Layers to rebuild from, each alone: content; style.")

STUDIES = Path(__file__).parent.parent / "configs" / "studies"


def main() -> int:
    """Run the reconstruction that the flags name."""
    path = Path(FLAGS.config or STUDIES / f"{FLAGS.of}_reconstruction.yaml")
    study = load_study(path, overrides_from_flags(), {"columns": layers()})
    return report(run_study(study, output_folder(f"runs/{path.stem}")), complain)


def layers() -> dict[str, Any] | None:
    """Return the axis that --layers asks for."""
    if FLAGS.layers is None:
        return None
    return {f"objective.{FLAGS.of}_layers": [{name: 1.0} for name in FLAGS.layers]}


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
