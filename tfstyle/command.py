"""What every command of tfstyle shares: --help, exit codes, one line for an error."""

import sys
import warnings
from collections.abc import Callable, Sequence

from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_bool("help", False, "Show this help.", short_name="h")


def command(
    run: Callable[[], int], usage: str, argv: Sequence[str] | None = None
) -> int:
    """Parse the flags, call `run`, and turn what goes wrong into a line and a code.

    Returns:
        The exit code: that of `run`; 2 for a bad flag, config or input, which `run`
        reports as a ValueError; 130 if interrupted by Ctrl-C.
    """
    warnings.showwarning = lambda message, *_: complain(f"warning: {message}")
    try:
        rest = FLAGS(list(sys.argv if argv is None else argv))[1:]
        if FLAGS.help:
            print(usage + _flags_help(run.__module__))
            return 0
        if rest:
            raise ValueError(
                f"unexpected argument {rest[0]!r}; every option is a --flag, see --help"
            )
        return run()
    except (ValueError, flags.Error) as error:
        complain(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130


def _flags_help(module: str) -> str:
    if module == "__main__":  # absl knows the program by its file
        return FLAGS.main_module_help()
    return FLAGS.module_help(module)


def complain(message: str) -> None:
    """Write one line to stderr."""
    print(f"tfstyle: {' '.join(message.split())}", file=sys.stderr)
