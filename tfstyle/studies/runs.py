"""One run of a study: kept if it is finished, resumed if it was interrupted."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfstyle
from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import Inputs, Picture, checksums
from tfstyle.images import load_image
from tfstyle.runs.checkpoint import load_checkpoint
from tfstyle.runs.folder import CHECKPOINT, CONFIG, FINISHED, RECORD, RESULT
from tfstyle.runs.job import run_job
from tfstyle.runs.observers import Observer
from tfstyle.system.devices import quiet_import

if TYPE_CHECKING:
    from tfstyle.engine.stage import Build
    from tfstyle.objective.whole import Network


def run_or_keep(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    progress: Observer | None = None,
    build: "Build | None" = None,
) -> dict[str, Any]:
    """Return the record of a run, made now if the folder does not hold it already.

    The arguments are those of `job.run_job`.

    Raises:
        ValueError: if the run cannot begin.
        RunError: if it fails on the way.
    """
    if not is_done(config, inputs, folder):
        run_or_resume(config, inputs, folder, progress, build)
    record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
    return record


def run_or_resume(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    progress: Observer | None = None,
    build: "Build | None" = None,
) -> str:
    """Make a run, from the checkpoint that the folder may hold; return why it stopped.

    Arguments and errors are those of `job.run_job`.
    """
    try:
        pictures = checksums(inputs)
        resume = load_checkpoint(folder / CHECKPOINT, config, pictures)
    except ValueError:  # there is none, or it is of another config
        resume = None
    return run_job(config, inputs, folder, resume, progress, build)


def is_done(config: StyleConfig, inputs: Inputs, folder: Path) -> bool:
    """Return whether the folder holds a finished run of just this config."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        return (
            (folder / RESULT).is_file()
            and (folder / CONFIG).read_text("utf-8") == config.to_yaml()
            and record["pictures"] == checksums(inputs)
            and record["versions"]["tfstyle"] == tfstyle.__version__
            and record["stopped"] in FINISHED
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_result(folder: Path) -> Picture:
    """Return the picture of a finished run, however large."""
    return load_image(folder / RESULT, max_megapixels=math.inf)


def remembering_networks() -> "Build":
    """Return a `stage.make_network` that builds each network once."""
    with quiet_import():
        from tfstyle.engine.stage import make_network
    networks: dict[Any, Network | None] = {}

    def build(config: StyleConfig, precision: str) -> "Network | None":
        key = tuple(config.objective.layers), config.extractor, precision
        if key not in networks:
            networks[key] = make_network(config, precision)
        return networks[key]

    return build
