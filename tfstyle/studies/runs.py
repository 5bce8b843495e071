"""One run of a study: kept if it is finished, resumed if it was interrupted."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfstyle
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import Picture, load_image
from tfstyle.runs.checkpoint import load_checkpoint
from tfstyle.runs.folder import (
    CHECKPOINT,
    CONFIG,
    FINISHED,
    RECORD,
    RESULT,
    drop_leftovers,
    film_name,
)
from tfstyle.runs.inputs import load_metadata
from tfstyle.runs.job import run_job
from tfstyle.runs.observers import Observer

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept


def run_or_keep(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    observers: Sequence[Observer] | None = None,
    kept: "Kept | None" = None,
) -> dict[str, Any]:
    """Return the record of a run, made now if the folder does not hold it already.

    The arguments are those of `runs.job.run_job`.

    Raises:
        ValueError: if the run cannot begin.
        RunError: if it fails after that.
    """
    if is_done(config, inputs, folder):
        drop_leftovers(folder, config, inputs.checksums)
    else:
        run_or_resume(config, inputs, folder, observers, kept)
    record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
    return record


def run_or_resume(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    observers: Sequence[Observer] | None = None,
    kept: "Kept | None" = None,
) -> str:
    """Make a run, from the checkpoint that the folder may hold; return why it stopped.

    Arguments and errors are those of `runs.job.run_job`.
    """
    metadata = load_metadata(config)
    try:
        state = load_checkpoint(folder / CHECKPOINT, config, inputs.checksums)
    except ValueError:  # there is none, or it is of another config
        state = None
    return run_job(
        config, inputs, folder, state, metadata, observers=observers, kept=kept
    )


def is_done(config: StyleConfig, inputs: Inputs, folder: Path) -> bool:
    """Return whether the folder holds a finished run of just this config."""
    film = config.output.film
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        return (
            (folder / RESULT).is_file()
            and (film is None or (folder / film_name(film)).is_file())
            and (folder / CONFIG).read_text("utf-8") == config.to_yaml()
            and record["pictures"] == inputs.checksums
            and record["versions"]["tfstyle"] == tfstyle.__version__
            and record["stopped"] in FINISHED
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_result(folder: Path) -> Picture:
    """Return the picture of a finished run, however large."""
    return load_image(folder / RESULT, max_megapixels=math.inf)
