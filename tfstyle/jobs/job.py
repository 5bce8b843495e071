"""What a job is, what is sent to whoever makes it, and what comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import Metadata


@dataclass(frozen=True)
class Job:
    """One run to make."""

    name: str  # of its run directory
    config: StyleConfig
    after: str | None = None  # name of the job from whose result it starts


Measure = Callable[[StyleConfig, Inputs, Path, Any], tuple[dict[str, float], str]]
"""Config, pictures, run directory and `Kept` to numbers, and what kept some away.

A function that is known by its name, so that it can be sent.
"""


@dataclass(frozen=True)
class Work:
    """A job with all that is needed to make it: no picture is read again."""

    job: Job
    inputs: Inputs
    metadata: Metadata
    folder: Path  # that holds the run directories, absolute
    measure: Measure | None = None  # of its result

    @property
    def run(self) -> Path:
        """The run directory."""
        return self.folder / self.job.name


@dataclass(frozen=True)
class Done:
    """What came of a job."""

    name: str
    stopped: str  # as in run.json, or "failed"
    record: Mapping[str, Any] = field(default_factory=dict)  # run.json
    measures: Mapping[str, float] = field(default_factory=dict)
    error: str = ""  # of the run, or of measuring its result
    full: bool = False  # the disk is
