"""A run's state on disk: written whole or not at all, restored exactly."""

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfstyle.config import StyleConfig

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
    """Write a checkpoint atomically: a crash leaves the previous one whole.

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
        "config": {**config.model_dump(), "pictures": dict(pictures or {})},
    }
    arrays = {f"optimizer/{name}": a for name, a in checkpoint.optimizer.items()}
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(
    path: Path, config: StyleConfig, pictures: Mapping[str, str] | None = None
) -> Checkpoint:
    """Read a checkpoint that was written with the same config and pictures.

    Raises:
        ValueError: if there is none, it is damaged, or the config or a picture has
            changed; the message lists the changed keys.
    """
    try:
        with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            before, now = about.pop("config"), config.model_dump()
            if pictures is not None:
                now["pictures"] = dict(pictures)
            else:
                before.pop("pictures")
            changed = changed_keys(before, now)
            arrays = {
                name.removeprefix("optimizer/"): file[name]
                for name in file.files
                if name.startswith("optimizer/")
            }
        checkpoint = Checkpoint(optimizer=arrays, **about)
        checkpoint.optimizer["image"]
    except FileNotFoundError:
        raise ValueError(
            f"{path.parent} has no checkpoint to resume from; start again without "
            "--resume"
        ) from None
    except (*DAMAGE, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"checkpoint {path} is damaged ({reason}); start again with --overwrite"
        ) from error
    if changed:
        raise ValueError(
            f"the config or a picture differs from that of the run in {path.parent}: "
            f"{'; '.join(changed)}; undo that, or start again with --overwrite"
        )
    return checkpoint


def changed_keys(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Describe each key whose value differs, as "seed: 0 before, 1 now"."""
    before, now = _flatten(old), _flatten(new)
    return [
        f"{key}: {_plain(before.get(key))} before, {_plain(now.get(key))} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]


def _flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, dict):
        items = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list):
        items = [(str(i), value) for i, value in enumerate(data)]
    else:
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in items:
        if not prefix and key == "output":  # where and how often may change
            continue
        flat.update(_flatten(value, f"{prefix}.{key}" if prefix else key))
    return flat


def _plain(value: Any) -> str:
    return yaml.safe_dump(value).removesuffix("\n...\n").strip()
