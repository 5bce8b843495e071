"""A run's state on disk: written whole or not at all, restored exactly."""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfstyle.config import StyleConfig


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands, between two steps."""

    scale: int  # index into the schedule
    scale_step: int  # steps taken at this scale
    step: int  # steps taken in all
    seconds: float  # spent so far
    precision: str  # that the network computes in
    optimizer: dict[str, np.ndarray]  # includes the image


def save_checkpoint(path: Path, checkpoint: Checkpoint, config: StyleConfig) -> None:
    """Write a checkpoint atomically: a crash leaves the previous one whole."""
    about = {
        "scale": checkpoint.scale,
        "scale_step": checkpoint.scale_step,
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "precision": checkpoint.precision,
        "config": config.model_dump(),
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


def load_checkpoint(path: Path, config: StyleConfig) -> Checkpoint:
    """Read a checkpoint that was written with the same config.

    Raises:
        ValueError: if there is none, it is damaged, or the config has changed; the
            message lists the changed keys.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            arrays = {
                name.removeprefix("optimizer/"): file[name]
                for name in file.files
                if name.startswith("optimizer/")
            }
    except FileNotFoundError:
        raise ValueError(
            f"{path.parent} has no checkpoint to resume from; start again without "
            "--resume"
        ) from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"checkpoint {path} is damaged ({error}); start again with --overwrite"
        ) from error
    changed = changed_keys(about.pop("config"), config.model_dump())
    if changed:
        raise ValueError(
            f"the config differs from that of the run in {path.parent}: "
            f"{'; '.join(changed)}; undo that, or start again with --overwrite"
        )
    return Checkpoint(optimizer=arrays, **about)


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
