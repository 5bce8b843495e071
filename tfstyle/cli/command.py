"""What all commands of tfstyle have: --help, exit codes, one line for an error."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence

from absl import flags

import tfstyle
from tfstyle.errors import RunError

FLAGS = flags.FLAGS


def command(
    run: Callable[[], int], usage: str, argv: Sequence[str] | None = None
) -> int:
    """Parse the flags, call `run`, and turn what goes wrong into a line and a code.

    Returns:
        The exit code: that of `run`; 2 for a bad flag, config or input, which `run`
        reports as a ValueError; 1 for a RunError, and where the system refuses memory
        or a file; 130 if interrupted by Ctrl-C.
    """
    _open_closed_streams()
    try:
        with _warnings_in_one_line():
            code = _run(run, usage, sys.argv if argv is None else argv)
        sys.stdout.flush()  # at the interpreter's exit it would be too late to complain
        return code
    except (ValueError, flags.Error) as error:
        complain(f"error: {error}")
        return 2
    except RunError as error:
        complain(f"error: the run failed: {error}")
        return 1
    except MemoryError:
        complain("error: the memory is full; close other programs, or lower the size")
        return 1
    except OSError as error:
        _complain_of_system(error)
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    before = warnings.showwarning
    warnings.showwarning = lambda message, *_: complain(f"warning: {message}")
    try:
        yield
    finally:
        warnings.showwarning = before


def _run(run: Callable[[], int], usage: str, argv: Sequence[str]) -> int:
    _define_flags()
    rest = FLAGS(list(argv))[1:]
    if FLAGS.help:
        print(usage + _flags_help(run.__module__))
        return 0
    if FLAGS.version:
        print(f"tfstyle {tfstyle.__version__}")
        return 0
    if rest:
        raise ValueError(
            f"unexpected argument {rest[0]!r}; every value needs its --flag, also "
            "where a flag is repeated; see --help"
        )
    return run()


def _define_flags() -> None:
    # Not at import: absl.app.run defines flags of the same names, and a program that
    # uses it may import this module.
    if "help" not in FLAGS:
        flags.DEFINE_bool("help", False, "Show this help.", short_name="h")
    if "version" not in FLAGS:
        flags.DEFINE_bool("version", False, "Show the version.")


def _open_closed_streams() -> None:
    """Let a stream that the caller closed (2>&-) lead nowhere.

    Else the next file opened takes its number, and gets TensorFlow's messages.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _complain_of_system(error: OSError) -> None:
    """Say in a line what the system refused: a file, or the output."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        complain(f"error: {error.filename}: {reason}; check the path and its folder")
    elif not isinstance(error, BrokenPipeError):  # as of `| head`, which has enough
        complain(f"error: the output cannot be written: {reason}; direct it elsewhere")
    try:
        sys.stdout.flush()
    except OSError:  # it fails, and would again with a traceback at the end
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _flags_help(module: str) -> str:
    # absl knows the program by its file
    own = FLAGS.main_module_help() if module == "__main__" else ""
    known = FLAGS.flags_by_module_dict()
    names = (
        module,
        "tfstyle.cli.options",
        "tfstyle.cli.placing",
        "tfstyle.cli.earlier",
    )
    modules = [name for name in names if name in known]
    return own + "\n".join(FLAGS.module_help(name) for name in modules)


def complain(message: str) -> None:
    """Write one line to stderr, if anybody takes it."""
    with contextlib.suppress(OSError):
        print(f"tfstyle: {' '.join(message.split())}", file=sys.stderr, flush=True)
