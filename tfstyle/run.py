"""The command line: `python -m tfstyle.run --config FILE`, or `tfstyle --config FILE`.

Exit codes: 0 done; 1 failed while running (the work so far is saved); 2 a bad flag,
config or input; 130 interrupted (the work so far is saved).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from tfstyle.command import command, complain

if TYPE_CHECKING:
    from tfstyle.config import StyleConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("config", None, "YAML file with the options.")
flags.DEFINE_string("content", None, "Picture whose arrangement is kept.")
flags.DEFINE_multi_string("style", [], "Picture whose manner is taken; repeatable.")
flags.DEFINE_integer("size", None, "Long side of the result, in pixels.")
flags.DEFINE_string("output", None, "Folder for the run; by default runs/CONFIG.")
flags.DEFINE_multi_string(
    "set", [], "KEY=VALUE, such as objective.style_weight=30; repeatable."
)
flags.DEFINE_bool("resume", False, "Go on with the interrupted run in --output.")
flags.DEFINE_bool("overwrite", False, "Replace the run that is in --output.")
flags.DEFINE_bool(
    "dry_run", False, "Check everything, print the plan, compute nothing."
)

USAGE = """\
Paint a photograph in the manner of a painting.

  python -m tfstyle.run --config configs/default.yaml
  python -m tfstyle.run --content photo.jpg --style painting.jpg --size 512

Every option of a config is explained in configs/default.yaml; --set changes any.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run; return the exit code."""
    return command(transfer_command, USAGE, argv)


def transfer_command() -> int:
    """Run one transfer as the flags say."""
    from tfstyle.checkpoint import load_checkpoint
    from tfstyle.inputs import checksums, load_inputs
    from tfstyle.job import CHECKPOINT, RESULT, RunError, check_folder, plan, run_job

    config = config_from_flags()
    inputs = load_inputs(config)
    folder = output_folder()
    check_folder(folder, FLAGS.resume, FLAGS.overwrite, FLAGS.dry_run)
    resume = None
    if FLAGS.resume:
        pictures = checksums(config, inputs)
        resume = load_checkpoint(folder / CHECKPOINT, config, pictures)
    if FLAGS.dry_run:
        print(f"{plan(config, inputs)}\noutput     {folder}")
        return 0
    try:
        stopped = run_job(config, inputs, folder, resume)
    except RunError as error:
        complain(f"error: the run failed: {error}")
        return 1
    if stopped == "interrupted":
        complain(f"interrupted; the work so far is in {folder}, --resume goes on")
        return 130
    print(folder / RESULT)
    return 0


def config_from_flags() -> "StyleConfig":
    """Return the config file's options, changed as the other flags say.

    Raises:
        ValueError: for a bad file, key or value.
    """
    from tfstyle.config import StyleConfig, load_config, parse_override

    config = load_config(FLAGS.config) if FLAGS.config else StyleConfig()
    overrides = dict(parse_override(text) for text in FLAGS.set)
    if FLAGS.content:
        overrides["content.path"] = FLAGS.content
    if FLAGS.style:
        overrides["styles"] = [{"path": path} for path in FLAGS.style]
    if FLAGS.size is not None:
        overrides["size"] = FLAGS.size
    return config.with_overrides(overrides)


def output_folder() -> Path:
    """Return --output, or runs/NAME after the config's file."""
    if FLAGS.output:
        return Path(FLAGS.output)
    return Path("runs") / (Path(FLAGS.config).stem if FLAGS.config else "default")


if __name__ == "__main__":
    sys.exit(main())
