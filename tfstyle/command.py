"""What every command of tfstyle shares: --help, exit codes, one line for an error."""

import sys
import warnings
from collections.abc import Callable, Sequence

from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_bool("help", False, "Show this help.", short_name="h")


class RunError(RuntimeError):
    """Something went wrong on the way; what a step or more had done was saved."""


def command(
    run: Callable[[], int], usage: str, argv: Sequence[str] | None = None
) -> int:
    """Parse the flags, call `run`, and turn what goes wrong into a line and a code.

    Returns:
        The exit code: that of `run`; 2 for a bad flag, config or input, which `run`
        reports as a ValueError; 1 for a RunError; 130 if interrupted by Ctrl-C.
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
    except RunError as error:
        complain(f"error: the run failed: {error}")
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130


def _flags_help(module: str) -> str:
    # absl knows the program by its file
    own = FLAGS.main_module_help() if module == "__main__" else ""
    known = FLAGS.flags_by_module_dict()
    shared = [name for name in (module, "tfstyle.options") if name in known]
    return own + "\n".join(FLAGS.module_help(name) for name in shared)


def complain(message: str) -> None:
    """Write one line to stderr."""
    print(f"tfstyle: {' '.join(message.split())}", file=sys.stderr)
