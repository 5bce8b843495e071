"""The command line: `python -m tfstyle.run --config FILE`, or `tfstyle --config FILE`.

Exit codes: 0 done; 1 failed while running (the work so far is saved); 2 a bad flag,
config or input; 130 interrupted (the work so far is saved).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from tfstyle.cli.command import command, complain
from tfstyle.cli.options import config_from_flags
from tfstyle.errors import RunError

if TYPE_CHECKING:
    from tfstyle.config.schema import StyleConfig
    from tfstyle.engine.inputs import Inputs
    from tfstyle.runs.checkpoint import Checkpoint

FLAGS = flags.FLAGS
flags.DEFINE_bool("resume", False, "Go on with the interrupted run in --output.")
flags.DEFINE_bool("overwrite", False, "Replace the run that is in --output.")
flags.DEFINE_bool(
    "dry_run", False, "Check everything, print the plan, compute nothing."
)

USAGE = """\
Paint a photograph in the manner of a painting.

  python -m tfstyle.run --config configs/default.yaml
  python -m tfstyle.run --content photo.jpg --style painting.jpg --output runs/mine

Every option of a config is explained in configs/default.yaml; --set changes any.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run; return the exit code."""
    return command(transfer_command, USAGE, argv)


def transfer_command() -> int:
    """Run one transfer as the flags say."""
    from tfstyle.engine.inputs import checksums, load_inputs
    from tfstyle.runs.checkpoint import load_checkpoint
    from tfstyle.runs.folder import (
        CHECKPOINT,
        RESULT,
        check_folder,
        earlier_run,
        is_finished,
    )
    from tfstyle.runs.job import plan
    from tfstyle.system.devices import worker

    config = config_from_flags()
    inputs = load_inputs(config)
    folder = output_folder()
    if not worker():  # the chief of several processes writes the files
        check_folder(folder, FLAGS.resume, FLAGS.overwrite, FLAGS.dry_run)
    resume = None
    if FLAGS.resume:
        pictures = checksums(inputs)
        if is_finished(folder, config, pictures):
            print(folder / RESULT)
            return 0
        resume = load_checkpoint(folder / CHECKPOINT, config, pictures)
    if FLAGS.dry_run:
        earlier = "" if FLAGS.resume or FLAGS.overwrite else earlier_run(folder)
        note = f" ({earlier})" if earlier else ""
        print(f"{plan(config, inputs)}\noutput     {folder}{note}")
        return 0
    return run_transfer(config, inputs, folder, resume)


def run_transfer(
    config: "StyleConfig", inputs: "Inputs", folder: Path, resume: "Checkpoint | None"
) -> int:
    """Run, then say where the result is, or how it goes on; return the exit code."""
    from tfstyle.runs.folder import RESULT, resumable
    from tfstyle.runs.job import run_job
    from tfstyle.system.devices import worker

    try:
        stopped = run_job(config, inputs, folder, resume, overwrite=FLAGS.overwrite)
    except RunError as error:
        if resumable(folder):
            raise RunError(f"{error}; --resume goes on") from error
        raise
    if stopped == "interrupted":
        complain(f"interrupted; the work so far is in {folder}, --resume goes on")
        return 130
    if not worker():
        print(folder / RESULT)
    return 0


def output_folder() -> Path:
    """Return --output, or runs/NAME after the config's file."""
    if FLAGS.output is not None:
        if not FLAGS.output:
            raise ValueError("--output is empty; give a folder")
        return Path(FLAGS.output).expanduser()
    return Path("runs") / (Path(FLAGS.config).stem if FLAGS.config else "default")


if __name__ == "__main__":
    sys.exit(main())
