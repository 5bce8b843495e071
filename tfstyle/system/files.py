"""Files that other readers see as they were or as they will be, never in between."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

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
