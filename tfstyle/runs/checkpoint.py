"""A run's state on disk: written whole or not at all, restored exactly."""

import json
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfstyle.config.schema import STARTS, StyleConfig
from tfstyle.system.files import replacing

DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, EOFError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged checkpoint may raise."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands, between two steps."""

    scale: int  # index into the schedule
    scale_step: int  # steps taken at this scale
    step: int  # steps taken in all
    seconds: float  # spent so far
    precision: str  # that the network computes in
    limit_gib: float  # of memory, which decided how each size is computed
    loss_scale: float  # of the objective, where that is float16
    optimizer: dict[str, np.ndarray]  # includes the image


def save_checkpoint(
    path: Path,
    checkpoint: Checkpoint,
    config: StyleConfig,
    pictures: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint atomically, and keep the one before.

    Args:
        path: of the file.
        checkpoint: where the run stands.
        config: what it was told.
        pictures: name of each input picture to its checksum, if they are files.
    """
    about = {
        "scale": checkpoint.scale,
        "scale_step": checkpoint.scale_step,
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "precision": checkpoint.precision,
        "limit_gib": checkpoint.limit_gib,
        "loss_scale": checkpoint.loss_scale,
        "versions": _versions(),
        "config": {**config.model_dump(), "pictures": dict(pictures or {})},
    }
    arrays = {f"optimizer/{name}": a for name, a in checkpoint.optimizer.items()}
    before = previous(path)
    with replacing(path, before) as temporary, open(temporary, "wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def previous(path: Path) -> Path:
    """Return where the checkpoint before the one at `path` is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def remove_checkpoints(path: Path) -> None:
    """Remove the checkpoint and the one before."""
    for each in (path, previous(path)):
        each.unlink(missing_ok=True)


def load_checkpoint(
    path: Path, config: StyleConfig, pictures: Mapping[str, str] | None = None
) -> Checkpoint:
    """Read the last checkpoint, or the one before if that is missing or damaged.

    Args:
        path: of the last one.
        config: what the run is told now.
        pictures: checksums of the input pictures.

    Raises:
        ValueError: if there is none, all are damaged, or the config or a picture has
            changed; the message lists the changed keys.
    """
    try:
        return _load(path, config, pictures)
    except (FileNotFoundError, _DamagedError) as error:
        if not previous(path).exists():
            raise _no_way_on(path, error) from error
        if isinstance(error, _DamagedError):
            warnings.warn(f"{error}; resuming from the one before", stacklevel=2)
    try:
        checkpoint = _load(previous(path), config, pictures)
    except _DamagedError as error:
        raise _no_way_on(path, error) from error
    # Now it is the last one: the next save must not put a damaged one in its place.
    os.replace(previous(path), path)
    return checkpoint


class _ChangedError(ValueError):
    """The checkpoint is good, but of another run."""


class _DamagedError(ValueError):
    """The checkpoint cannot be read."""


def _no_way_on(path: Path, error: Exception) -> ValueError:
    if not path.parent.exists():
        return ValueError(
            f"there is no run in {path.parent}; check --output, or leave --resume out"
        )
    if isinstance(error, FileNotFoundError):
        reason = f"{path.parent} has no checkpoint to resume from"
    else:
        reason = str(error)
    return ValueError(f"{reason}; start again with --overwrite")


def _load(
    path: Path, config: StyleConfig, pictures: Mapping[str, str] | None
) -> Checkpoint:
    try:
        checkpoint, before, versions = _read(path)
    except FileNotFoundError:
        raise
    except (*DAMAGE, OSError) as error:
        reason = " ".join(str(error).split())
        raise _DamagedError(f"checkpoint {path} is damaged ({reason})") from error
    if pictures is None:
        before.pop("pictures", None)
    check_unchanged(path.parent, before, config, pictures or {})
    if versions != _versions():
        warnings.warn(
            f"the run in {path.parent} was begun with {_named(versions)}; with "
            f"{_named(_versions())} its last digits may differ",
            stacklevel=3,
        )
    return checkpoint


def check_unchanged(
    folder: Path,
    before: dict[str, Any],
    config: StyleConfig,
    pictures: Mapping[str, str],
) -> None:
    """Check that a run is told the same as before, but for what may change.

    Args:
        folder: of the run.
        before: its config then, with the checksums of its "pictures".
        config: what it is told now.
        pictures: checksums of its pictures now.

    Raises:
        ValueError: if not; it lists the changed keys.
    """
    now = {**config.model_dump(), "pictures": dict(pictures)}
    changed = changed_keys({"pictures": {}, **before}, now)
    if changed:
        raise _ChangedError(
            f"the config or a picture differs from that of the run in {folder}: "
            f"{'; '.join(changed)}; undo that, or start again with --overwrite"
        )


def _read(path: Path) -> tuple[Checkpoint, dict[str, Any], dict[str, str]]:
    """Return a checkpoint, the config it was made with, and the libraries."""
    with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        config, versions = dict(about.pop("config")), dict(about.pop("versions"))
        arrays = {
            name.removeprefix("optimizer/"): file[name]
            for name in file.files
            if name.startswith("optimizer/")
        }
    arrays["image"]  # or a KeyError
    return Checkpoint(optimizer=arrays, **about), config, versions


def _versions() -> dict[str, str]:
    names = "tfstyle", "tensorflow", "keras", "numpy", "pillow"
    return {name: version(name) for name in names}


def _named(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def changed_keys(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Describe each key whose value differs, as "seed: 0 before, 1 now"."""
    before, now = _flatten(old), _flatten(new)
    return [
        f"{key}: {_plain(before.get(key))} before, {_plain(now.get(key))} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]


FREE = {"output", "memory.max_megapixels"}
"""What may change, as it has no part in what is computed."""
PATHS = re.compile(r"content\.path|styles\.\d+\.path")
"""They may change too, as `init` may if it is one: the pictures are compared."""


def _flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, dict):
        items = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list):
        items = [(str(i), value) for i, value in enumerate(data)]
    else:
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in items:
        name = f"{prefix}.{key}" if prefix else key
        if name == "init" and value not in STARTS:
            value = "a picture"
        if name not in FREE and not PATHS.fullmatch(name):
            flat.update(_flatten(value, name))
    return flat


def _plain(value: Any) -> str:
    return yaml.safe_dump(value).removesuffix("\n...\n").strip()
