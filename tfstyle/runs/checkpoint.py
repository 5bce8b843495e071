"""A run's state on disk: written whole or not at all, restored exactly or refused."""

import dataclasses
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfstyle.config import StyleConfig
from tfstyle.engine.state import State
from tfstyle.runs.changes import check_unchanged
from tfstyle.runs.versions import versions
from tfstyle.system.files import replacing
from tfstyle.system.locks import locked

LAYOUT = 2
"""Of the file's contents; files of layout 1 carry no number."""

DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, EOFError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged checkpoint may raise."""


def save_checkpoint(
    path: Path,
    state: State,
    config: StyleConfig,
    pictures: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint atomically, and keep the one before.

    Args:
        path: of the file.
        state: where the run stands.
        config: what it was told.
        pictures: name of each input picture to its checksum, if they are files.
    """
    about = {
        "layout": LAYOUT,
        **{name: getattr(state, name) for name in _numbers()},
        "versions": versions(),
        "config": {**config.model_dump(), "pictures": dict(pictures or {})},
    }
    arrays = {f"optimizer/{name}": array for name, array in state.optimizer.items()}
    before = previous(path)
    with replacing(path, before) as temporary, open(temporary, "wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def _numbers() -> list[str]:
    """Return the fields of a state that are no arrays."""
    names = [field.name for field in dataclasses.fields(State)]
    return [name for name in names if name != "optimizer"]


def previous(path: Path) -> Path:
    """Return where the checkpoint before the one at `path` is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def remove_checkpoints(path: Path) -> None:
    """Remove the checkpoint and the one before."""
    for each in (path, previous(path)):
        each.unlink(missing_ok=True)


def load_checkpoint(
    path: Path,
    config: StyleConfig,
    pictures: Mapping[str, str] | None = None,
    repair: bool = True,
) -> State:
    """Read the last checkpoint, or the one before if that is missing or damaged.

    Args:
        path: of the last one.
        config: what the run is told now.
        pictures: checksums of the input pictures; None to compare none.
        repair: put the one before in the place of the last, where that is used, so that
            the next save keeps it.

    Raises:
        ValueError: if there is none, all are damaged, it is of another layout, or the
            config or a picture has changed; the message says what to do.
    """
    try:
        return _load(path, config, pictures)
    except (FileNotFoundError, _DamagedError) as error:
        if not previous(path).exists():
            raise _nothing_to_resume(path, error) from error
        if isinstance(error, _DamagedError):
            warnings.warn(f"{error}; resuming from the one before", stacklevel=2)
    try:
        state = _load(previous(path), config, pictures)
    except _DamagedError as error:
        raise _nothing_to_resume(path, error) from error
    if repair:
        with locked(path.parent):
            os.replace(previous(path), path)
    return state


class _DamagedError(ValueError):
    """The checkpoint cannot be read."""


class _LayoutError(ValueError):
    """The checkpoint was written by another version of tfstyle."""


def _nothing_to_resume(path: Path, error: Exception) -> ValueError:
    if not path.parent.exists():
        return ValueError(
            f"there is no run in {path.parent}; check --output, or leave --resume out"
        )
    if isinstance(error, FileNotFoundError):
        reason = f"{path.parent} has no checkpoint to resume from"
    else:
        reason = str(error)
    return ValueError(f"{reason}; start again with --overwrite")


@dataclass(frozen=True)
class _Contents:
    """What a checkpoint's file holds."""

    state: State
    config: dict[str, Any]  # with the checksums of the "pictures"
    versions: dict[str, str]


def _load(path: Path, config: StyleConfig, pictures: Mapping[str, str] | None) -> State:
    contents = _read(path)
    before = contents.config
    if pictures is None:
        before.pop("pictures", None)
    check_unchanged(path.parent, before, config, pictures or {})
    if contents.versions != versions():
        warnings.warn(
            f"the run in {path.parent} was begun with {_named(contents.versions)}; "
            f"with {_named(versions())} its last digits may differ",
            stacklevel=3,
        )
    return contents.state


def _read(path: Path) -> _Contents:
    try:
        return _unpack(path)
    except (FileNotFoundError, _LayoutError):
        raise
    except (*DAMAGE, OSError) as error:
        reason = " ".join(str(error).split())
        raise _DamagedError(f"checkpoint {path} is damaged ({reason})") from error


def _unpack(path: Path) -> _Contents:
    with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        _check_layout(path, about.pop("layout", 1))
        config, used = dict(about.pop("config")), dict(about.pop("versions"))
        arrays = {
            name.removeprefix("optimizer/"): file[name]
            for name in file.files
            if name.startswith("optimizer/")
        }
    arrays["image"]  # or a KeyError
    return _Contents(State(optimizer=arrays, **about), config, used)


def _check_layout(path: Path, layout: Any) -> None:
    if layout != LAYOUT:
        raise _LayoutError(
            f"checkpoint {path} has layout {layout}, this version of tfstyle reads "
            f"layout {LAYOUT}; resume it with the version that wrote it, or start "
            "again with --overwrite"
        )


def _named(used: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in used.items())
