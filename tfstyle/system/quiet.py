"""Libraries in C that write to the screen themselves are kept quiet, TensorFlow too."""

import contextlib
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # 0: information, 3: only what ends the process


@contextlib.contextmanager
def quiet_stderr(unless_it_fails: bool = False) -> Iterator[None]:
    """Keep what is written to stderr off the screen, by whichever language.

    Args:
        unless_it_fails: if an exception leaves the block, show it after all.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    screen = None
    with contextlib.suppress(OSError):
        screen = os.dup(2)
    if screen is None:  # stderr is closed: nothing can be seen
        yield
        return
    with (
        tempfile.TemporaryFile() if unless_it_fails else open(os.devnull, "r+b")
    ) as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception:
            if unless_it_fails:
                log.seek(0)
                os.write(screen, log.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Keep what TensorFlow's C++ libraries print while they are loaded off the screen.

    They write some lines to stderr before any log level is read. If the import fails,
    what they wrote is shown after all. The variable TF_CPP_MIN_LOG_LEVEL is afterwards
    as it was; TensorFlow, which reads it once, stays as quiet as the block made it. So
    is the state of `random`, from which a library draws while it is loaded.
    """
    before, state = os.environ.get(LOG_LEVEL), random.getstate()
    os.environ.setdefault(LOG_LEVEL, "3")
    try:
        with quiet_stderr(unless_it_fails=True):
            yield
    finally:
        random.setstate(state)
        if before is None:
            os.environ.pop(LOG_LEVEL, None)


def require_tensorflow() -> None:
    """Import TensorFlow and Keras quietly, and check that they belong together.

    Raises:
        ValueError: if Keras computes with another backend, or is about to.
    """
    if "keras" not in sys.modules:  # say so before a backend is loaded, or is missing
        _check_backend(_configured_backend())
    with quiet_import():
        import keras
        import tensorflow  # noqa: F401
    _check_backend(keras.config.backend())


def _check_backend(name: str) -> None:
    if name != "tensorflow":
        raise ValueError(
            f"Keras' backend is {name!r}, and tfstyle needs 'tensorflow'; set the "
            "variable KERAS_BACKEND=tensorflow before Python starts"
        )


def _configured_backend() -> str:
    """Return the backend that Keras will load: of the variable, else of keras.json."""
    name = os.environ.get("KERAS_BACKEND")
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras")
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
        options = json.loads((home.expanduser() / "keras.json").read_text("utf-8"))
        name = name or options.get("backend")
    return str(name or "tensorflow")
