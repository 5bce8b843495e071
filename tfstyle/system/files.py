"""Files that other readers see as they were or as they will be, never in between."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

fcntl: Any = None
with contextlib.suppress(ImportError):  # not on Windows
    import fcntl


TEMPORARY = ".tfstyle-"  # how the names of unfinished files begin


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes left of files that they were writing."""
    for each in folder.glob(f"{TEMPORARY}*"):
        each.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what the system refuses in this block name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno:
            error.filename, error.filename2 = str(path), None
        raise


@contextlib.contextmanager
def replacing(path: Path, before: Path | None = None) -> Iterator[Path]:
    """Yield the path of a temporary file; once written, it replaces `path`.

    A failure, a kill or a power cut leaves the earlier file whole: at `path`, or at
    `before` if that is where it is kept.

    Raises:
        OSError: if it cannot be written.
    """
    # Not by tempfile, which makes files that nobody else may read.
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        with naming(path):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            if before and path.exists():
                os.replace(path, before)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, text.encode())


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes; the system frees it if this one dies.

    Raises:
        ValueError: if another process holds it.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"output {folder} is in use by another run; wait for it, or choose "
                "another folder with --output"
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)
