"""Films: `python -m tfstyle.video --content clip.mp4 --style painting.jpg`.

Exit codes: 0 done; 1 failed while running (the frames so far are there); 2 a bad flag,
config or input; 130 interrupted (the frames so far are there).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

import tfstyle.cli.earlier  # noqa: F401  # its flags
from tfstyle.cli.command import command, complain
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.cli.placing import place_from_flags

FLAGS = flags.FLAGS
flags.DEFINE_bool("keep_frames", True, "Leave the frames beside the film.")

USAGE = """\
Paint a film in the style of a painting, frame by frame.

  python -m tfstyle.video --content clip.mp4 --style painting.jpg --output runs/clip

The same command again goes on where it was interrupted. Every option of a config is
explained in configs/default.yaml; those of films are in its section video.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and paint the film; return the exit code."""
    return command(video_command, USAGE, argv)


def video_command() -> int:
    """Do what the flags say; return the exit code."""
    from tfstyle.clips.extra import check_extra

    check_extra()
    from tfstyle.clips.folder import RESULT, Earlier
    from tfstyle.clips.job import render_clip

    config = config_from_flags()
    folder = output_folder(f"runs/{Path(FLAGS.config or 'video').stem}")
    earlier = Earlier(FLAGS.resume, FLAGS.overwrite)
    place = place_from_flags(folder)
    stopped = render_clip(config, folder, earlier, FLAGS.keep_frames, place)
    if stopped == "interrupted":
        complain(f"interrupted; the frames so far are in {folder}, run again to go on")
        return 130
    print(folder / RESULT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
