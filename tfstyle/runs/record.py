"""run.json: what a run was, how long it took, and why it stopped."""

import itertools
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfstyle.config import STARTS, StyleConfig, picture_places
from tfstyle.engine.schedule import schedule
from tfstyle.engine.state import Step
from tfstyle.runs.observers import read_log
from tfstyle.runs.versions import versions
from tfstyle.system.devices import device_name
from tfstyle.system.memory import peak_memory_gib
from tfstyle.vgg.weights import sha256, weights_path

Record = dict[str, Any]


def make_record(
    config: StyleConfig,
    step: Step,
    stopped: str,
    seconds: float,
    log: Path,
    pictures: Mapping[str, str],
) -> Record:
    """Describe a run that ended with `step`; its scales are read from its log.csv.

    Args:
        config: all its options.
        step: the last one.
        stopped: why it ended.
        seconds: that all of it took, or the part after it was resumed.
        log: that `observers.Log` wrote.
        pictures: their checksums, see `Inputs.checksums`.
    """
    weights = weights_path(config.extractor.weights)
    peak = peak_memory_gib()
    return {
        "stopped": stopped,
        "steps": step.step,
        "losses": dict(step.losses),
        "size": [step.width, step.height],
        "scales": list(scale_records(config, stopped, log)),
        "seconds": {"optimising": round(step.seconds, 2), "in all": round(seconds, 2)},
        "peak_memory_gib": round(peak, 2) if peak else None,
        "device": device_name(),
        "precision": step.precision,
        "computed": str(step.plan),
        "seed": config.seed,
        "weights": config.extractor.weights,
        "weights_sha256": sha256(weights) if weights.is_file() else None,
        "versions": {**versions(), "python": platform.python_version()},
        "machine": f"{platform.system()} {platform.machine()}",
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "pictures": dict(pictures),
    }


def scale_records(config: StyleConfig, stopped: str, log: Path) -> Iterator[Record]:
    """Describe each scale that was begun: size, steps, seconds, total, why it ended.

    A scale ends when its "steps" are used up, when it "converged" before, or with the
    run.
    """
    rows = [row for row in read_log(log) if row["step"] != "0"]
    scales, before = schedule(config.pyramid, config.size), 0.0
    for index, group in itertools.groupby(rows, key=lambda row: int(row["scale"])):
        *_, last = steps = list(group)
        if len(steps) == scales[index].steps:
            ended = "steps"
        else:
            ended = stopped if last is rows[-1] else "converged"
        yield {
            "size": [int(last["width"]), int(last["height"])],
            "steps": len(steps),
            "seconds": round(float(last["seconds"]) - before, 2),
            "total": float(last["total"]),
            "ended": ended,
        }
        before = float(last["seconds"])


def published(config: StyleConfig) -> StyleConfig:
    """Return a config as the result's PNG carries it: files without their folders.

    A path may name its owner, and a result is there to be shown.
    """
    data = config.model_dump()
    for section, key in picture_places(data):
        if section[key] is not None:
            section[key] = _file_name(section[key])
    for section, key, words in (
        (data, "init", STARTS),
        (data["extractor"], "weights", ("bundled", "imagenet")),
    ):
        if section[key] not in words:
            section[key] = _file_name(section[key], words)
    return StyleConfig.model_validate(data)


def _file_name(path: str, words: Sequence[str] = ()) -> str:
    """Return a path's last part, so that it is not taken for one of the words."""
    name = Path(path).name or path
    return f"./{name}" if name in words else name
