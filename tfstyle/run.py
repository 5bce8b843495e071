"""The command line: `python -m tfstyle.run --config FILE`, or `tfstyle --config FILE`.

Exit codes: 0 done; 1 failed while running (the work so far is saved); 2 a bad flag,
config or input; 130 interrupted (the work so far is saved).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

import tfstyle.cli.earlier  # noqa: F401  # its flags
from tfstyle.cli.command import command, complain
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.errors import RunError

if TYPE_CHECKING:
    from tfstyle.config import StyleConfig
    from tfstyle.engine.inputs import Inputs
    from tfstyle.engine.state import State
    from tfstyle.images import Metadata

FLAGS = flags.FLAGS
flags.DEFINE_bool(
    "dry_run", False, "Check everything, print the plan, compute nothing."
)

USAGE = """\
Paint a photograph in the style of a painting.

  python -m tfstyle.run --config configs/default.yaml
  python -m tfstyle.run --content photo.jpg --style painting.jpg --output runs/mine

Every option of a config is explained in configs/default.yaml; --set changes any.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run; return the exit code."""
    return command(transfer_command, USAGE, argv)


def transfer_command() -> int:
    """Do what the flags say; return the exit code."""
    from tfstyle.runs.folder import check_folder, is_finished
    from tfstyle.runs.inputs import load_inputs, load_metadata
    from tfstyle.system.cluster import worker

    config = config_from_flags()
    inputs = load_inputs(config)
    folder = output_folder(f"runs/{Path(FLAGS.config or 'default').stem}")
    if not worker():  # the chief of several processes writes the files
        check_folder(folder, FLAGS.resume, FLAGS.overwrite, FLAGS.dry_run)
    if FLAGS.resume and is_finished(folder, config, inputs.checksums):
        return keep_finished(config, inputs, folder)
    state = load_state(config, inputs, folder) if FLAGS.resume else None
    metadata = load_metadata(config)
    if FLAGS.dry_run:
        return print_plan(config, inputs, folder)
    return run_transfer(config, inputs, folder, state, metadata)


def keep_finished(config: "StyleConfig", inputs: "Inputs", folder: Path) -> int:
    """Name the result of a run that is finished, and tidy up after it."""
    from tfstyle.runs.folder import RESULT, drop_leftovers
    from tfstyle.system.cluster import worker

    if not (FLAGS.dry_run or worker()):
        drop_leftovers(folder, config, inputs.checksums)
    print(folder / RESULT)
    return 0


def load_state(config: "StyleConfig", inputs: "Inputs", folder: Path) -> "State":
    """Return where the run in a folder stands."""
    from tfstyle.runs.checkpoint import load_checkpoint
    from tfstyle.runs.folder import CHECKPOINT
    from tfstyle.system.cluster import worker

    repair = not (FLAGS.dry_run or worker())
    return load_checkpoint(folder / CHECKPOINT, config, inputs.checksums, repair)


def print_plan(config: "StyleConfig", inputs: "Inputs", folder: Path) -> int:
    """Say what the run would do, and whether its folder is free."""
    from tfstyle.runs.dry_run import plan
    from tfstyle.runs.folder import earlier_run

    earlier = "" if FLAGS.resume or FLAGS.overwrite else earlier_run(folder)
    note = f" ({earlier})" if earlier else ""
    print(f"{plan(config, inputs)}\noutput     {folder}{note}")
    return 0


def run_transfer(
    config: "StyleConfig",
    inputs: "Inputs",
    folder: Path,
    state: "State | None",
    metadata: "Metadata",
) -> int:
    """Run, then say where the result is, or how it goes on; return the exit code."""
    from tfstyle.runs.folder import RESULT, resumable
    from tfstyle.runs.job import run_job
    from tfstyle.system.cluster import worker

    try:
        stopped = run_job(
            config, inputs, folder, state, metadata, overwrite=FLAGS.overwrite
        )
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


if __name__ == "__main__":
    sys.exit(main())
