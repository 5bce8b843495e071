"""run.json: what a run was, how long it took, and why it stopped."""

import csv
import itertools
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfstyle
from tfstyle.system import devices as device
from tfstyle.config.schema import StyleConfig
from tfstyle.engine.schedule import schedule
from tfstyle.vgg.weights import sha256, weights_path

if TYPE_CHECKING:
    from tfstyle.engine.stage import Step

Record = dict[str, Any]


def make_record(
    config: StyleConfig,
    step: "Step",
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
        pictures: their checksums, see `inputs.checksums`.
    """
    weights = weights_path(config.extractor.weights)
    peak = device.peak_memory_gib()
    return {
        "stopped": stopped,
        "steps": step.step,
        "losses": step.losses._asdict(),
        "size": [step.width, step.height],
        "scales": scale_records(config, stopped, log),
        "seconds": {"optimising": round(step.seconds, 2), "in all": round(seconds, 2)},
        "peak_memory_gib": round(peak, 2) if peak else None,
        "device": device.device_name(),
        "precision": step.precision,
        "computed": str(step.plan),
        "seed": config.seed,
        "weights": config.extractor.weights,
        "weights_sha256": sha256(weights) if weights.is_file() else None,
        "versions": {
            "tfstyle": tfstyle.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
        },
        "machine": f"{platform.system()} {platform.machine()}",
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "pictures": dict(pictures),
    }


def scale_records(config: StyleConfig, stopped: str, log: Path) -> list[Record]:
    """Describe each scale that was begun: size, steps, seconds, total, why it ended.

    A scale ends when its "steps" are used up, when it "converged" before, or with the
    run.
    """
    with open(log, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["step"] != "0"]
    if rows and None in rows[-1].values():  # cut off, where the disk was full
        rows.pop()
    scales = schedule(config.pyramid, config.size)
    records, before = [], 0.0
    for index, group in itertools.groupby(rows, key=lambda row: int(row["scale"])):
        *_, last = steps = list(group)
        if len(steps) == scales[index].steps:
            ended = "steps"
        else:
            ended = stopped if last is rows[-1] else "converged"
        records.append(
            {
                "size": [int(last["width"]), int(last["height"])],
                "steps": len(steps),
                "seconds": round(float(last["seconds"]) - before, 2),
                "total": float(last["total"]),
                "ended": ended,
            }
        )
        before = float(last["seconds"])
    return records
