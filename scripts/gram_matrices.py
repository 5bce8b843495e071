"""Run a transfer and draw what it matched: Gram matrices of style, content and result.

    python scripts/gram_matrices.py
    python scripts/gram_matrices.py --content photo.jpg --style painting.jpg --size 256

writes sheet.png (a heat map per layer and picture, with its distance to the style),
results.csv and the run into --output.
"""

import sys
from pathlib import Path

from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.runs.folder import check_writable
from tfstyle.runs.inputs import load_inputs
from tfstyle.studies.gram_matrices import draw_gram_matrices

FLAGS = flags.FLAGS
STUDY = Path(__file__).parent.parent / "configs" / "studies" / "gram_matrices.yaml"


def main() -> int:
    """Draw the matrices of the run that the flags describe."""
    FLAGS.config = FLAGS.config or str(STUDY)
    config = config_from_flags()
    inputs = load_inputs(config)
    folder = output_folder("runs/gram_matrices")
    check_writable(folder)
    print(draw_gram_matrices(config, inputs, folder))
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
