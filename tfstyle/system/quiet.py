"""Silence for libraries in C that write to the screen themselves."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


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
