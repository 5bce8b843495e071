"""A job made: kept if it is finished, resumed if it was interrupted."""

import contextlib
import errno
import functools
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfstyle
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.errors import RunError
from tfstyle.images import Metadata, Picture, load_image
from tfstyle.jobs.job import Done, Job, Measure
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
from tfstyle.runs.job import failure, run_job
from tfstyle.runs.observers import Observer
from tfstyle.system.quiet import require_tensorflow
from tfstyle.system.signals import asked_to_stop

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept

STYLES = "style_targets"  # folder beside the run directories


@dataclass(frozen=True)
class Work:
    """The job of a run with its pictures, so that none is read again."""

    job: Job
    inputs: Inputs
    metadata: Metadata
    folder: Path  # that holds the run directories, absolute
    measure: Measure | None = None  # of its result

    @property
    def name(self) -> str:
        """Of the job."""
        return self.job.name

    def make(self) -> Done:
        """Make the run, with what all runs of this process have in common."""
        return perform(self)

    def earlier(self) -> Done | None:
        """Return what came of a finished run that is not to be measured."""
        config, pictures = self.job.config, self.inputs.checksums
        if self.measure or not is_done(config, self.inputs, self.run):
            return None
        drop_leftovers(self.run, config, pictures)
        record = json.loads((self.run / RECORD).read_text("utf-8"))
        return Done(self.name, record["stopped"], record)

    @property
    def run(self) -> Path:
        """The run directory."""
        return self.folder / self.job.name


def perform(
    work: Work, watch: Observer | None = None, kept: "Kept | None" = None
) -> Done:
    """Make a job in this process; what fails is told, not raised.

    Args:
        work: the job and its pictures.
        watch: sees each step.
        kept: networks, graphs and style targets that several jobs share; by default
            those of all jobs of this process.
    """
    job = work.job
    if asked_to_stop():
        return Done(job.name, "interrupted")
    try:
        require_tensorflow()
        kept = kept or kept_here(work.folder / STYLES)
        with alone():
            record = run_or_keep(
                job.config,
                work.inputs,
                work.run,
                [watch] if watch else [],
                kept,
                work.metadata,
            )
            if record["stopped"] not in FINISHED or work.measure is None:
                return Done(job.name, record["stopped"], record)
            found, lacking = work.measure(job.config, work.inputs, work.run, kept)
    except (RunError, ValueError) as error:
        return Done(job.name, "failed", error=str(error), full=_disk_is_full(error))
    except Exception as error:  # others go on
        told = str(failure(error))
        return Done(job.name, "failed", error=told, full=_disk_is_full(error))
    return Done(job.name, record["stopped"], record, found, lacking)


@functools.lru_cache(1)
def kept_here(styles: Path | None) -> "Kept":
    """Return what all jobs of this process have in common.

    Args:
        styles: folder where style targets are kept for other processes.
    """
    return make_kept(styles)


def make_kept(styles: Path | None) -> "Kept":
    """Return what jobs may have in common, with nothing in it yet."""
    from tfstyle.engine.kept import Kept
    from tfstyle.jobs.style_targets import StyleTargets

    return Kept(store=StyleTargets(styles) if styles else None)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Make a job no part of a run of several processes, whatever TF_CONFIG says."""
    inherited = os.environ.pop("TF_CONFIG", None)
    try:
        yield
    finally:
        if inherited is not None:
            os.environ["TF_CONFIG"] = inherited


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def run_or_keep(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    observers: Sequence[Observer] | None = None,
    kept: "Kept | None" = None,
    metadata: Metadata | None = None,
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
        run_or_resume(config, inputs, folder, observers, kept, metadata)
    record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
    return record


def run_or_resume(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    observers: Sequence[Observer] | None = None,
    kept: "Kept | None" = None,
    metadata: Metadata | None = None,
) -> str:
    """Make a run, from the checkpoint that the folder may hold; return why it stopped.

    Arguments and errors are those of `runs.job.run_job`, but that metadata is read if
    there is none.
    """
    metadata = metadata or load_metadata(config)
    try:
        state = load_checkpoint(folder / CHECKPOINT, config, inputs.checksums)
    except ValueError:  # there is none, or it is of another config
        state = None
    return run_job(
        config, inputs, folder, state, metadata, observers=observers, kept=kept
    )


def is_done(config: StyleConfig, inputs: Inputs, folder: Path) -> bool:
    """Return whether the folder holds a finished run of just this config."""
    film, record = config.output.film, finished_record(config, folder)
    if record is None or (film and not (folder / film_name(film)).is_file()):
        return False
    try:
        version = record["versions"]["tfstyle"]
        return bool(
            record["pictures"] == inputs.checksums and version == tfstyle.__version__
        )
    except (KeyError, TypeError):
        return False


def finished_record(config: StyleConfig, folder: Path) -> dict[str, Any] | None:
    """Return the record of a finished run of a config, whatever its pictures were."""
    try:
        if (folder / CONFIG).read_text("utf-8") != config.to_yaml():
            return None
        record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
        done = record["stopped"] in FINISHED and (folder / RESULT).is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if done else None


def load_result(folder: Path) -> Picture:
    """Return the picture of a finished run, however large."""
    return load_image(folder / RESULT, max_megapixels=math.inf)
