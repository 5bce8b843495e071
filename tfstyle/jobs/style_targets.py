"""What was measured on style images, on disk: for the next process that needs it."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tfstyle
from tfstyle.objective.term import Parts
from tfstyle.system.files import write_bytes

MOST = 512 << 20  # bytes in the folder; what was not used for longest goes
Measured = Sequence[Parts]


class StyleTargets:
    """Files of what terms observed, named by a checksum of all that it depends on.

    Several processes may use the folder at a time, and anybody may empty it: a file is
    written whole or not at all, and what cannot be read is measured again.

    Args:
        folder: made when the first file is written.
        most: bytes that its files may have together.
    """

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder, self._most = folder, most

    def __call__(self, key: Any, measure: Callable[[], Measured]) -> Measured:
        """Return what has this key, measured now if it is not there."""
        text = repr((tfstyle.__version__, tf.__version__, key))
        path = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"
        found: Measured
        try:
            found = _read(path)
            path.touch()  # it was used
            return found
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            found = measure()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, _written(found))
            self._drop_oldest()
        except OSError:  # a full disk is no reason to fail here
            pass
        return found

    def _drop_oldest(self) -> None:
        files = []
        for path in self._folder.glob("*.npz"):
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
        left = sum(size for _, size, _ in files) - self._most
        for _, size, path in sorted(files):
            if left <= 0:
                break
            path.unlink(missing_ok=True)
            left -= size


def _written(measured: Measured) -> bytes:
    """Return arrays named by the number of the term and what they are."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        f"{number}.{name}": np.asarray(part)
        for number, parts in enumerate(measured)
        for name, part in parts.items()
    }
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _read(path: Path) -> list[Parts]:
    found: dict[int, dict[str, Any]] = {}
    # From memory: of a damaged file NumPy leaves the handle open.
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
        for key in file.files:
            number, _, name = key.partition(".")
            array = file[key]
            # Of tiles they are float64 arrays of the host, of a whole picture tensors.
            part = array if array.dtype == np.float64 else tf.constant(array)
            found.setdefault(int(number), {})[name] = part
    return [found[number] for number in range(len(found))]
