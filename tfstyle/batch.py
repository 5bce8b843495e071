"""Many pictures: `python -m tfstyle.batch`, or `tfstyle-batch`.

Exit codes: 0 all done; 1 some failed; 2 a bad flag, config or input; 130 interrupted.
"""

import sys
from collections.abc import Sequence

from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.cli.placing import place_from_flags

FLAGS = flags.FLAGS
flags.DEFINE_multi_string("contents", [], "Content images; may be a pattern.")
flags.DEFINE_multi_string("styles", [], "Style images; may be a pattern.")
flags.DEFINE_string(
    "pairs", None, "CSV file with a row for each run: content, style, any config keys."
)

USAGE = """\
Paint every photograph in the style of every painting.

  python -m tfstyle.batch --contents 'photos/*.jpg' --styles 'paintings/*' --output DIR
  python -m tfstyle.batch --pairs pairs.csv --jobs 2

Run again, it goes on: finished results are kept, changed ones made again.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run; return the exit code."""
    return command(batch_command, USAGE, argv)


def batch_command() -> int:
    """Do what the flags say; return the exit code."""
    from tfstyle.studies.batch import from_patterns, from_table
    from tfstyle.studies.grid import report, run_study

    if FLAGS.content or FLAGS.style:
        raise ValueError("for many pictures give --contents and --styles, or --pairs")
    config = config_from_flags()
    if FLAGS.pairs is not None:
        if FLAGS.contents or FLAGS.styles:
            raise ValueError(
                "--pairs names all pictures; leave out --contents and --styles"
            )
        study = from_table(config, FLAGS.pairs)
    else:
        study = from_patterns(config, FLAGS.contents, FLAGS.styles)
    folder = output_folder("runs/batch")
    return report(run_study(study, folder, place_from_flags(folder)), complain)


if __name__ == "__main__":
    sys.exit(main())
