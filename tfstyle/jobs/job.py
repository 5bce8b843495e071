"""What a job is, what is sent to whoever makes it, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs


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


class Task(Protocol):
    """What is sent: it has all that is needed, and can be pickled."""

    @property
    def name(self) -> str:
        """Of its job."""

    def make(self) -> Done:
        """Do it, in whatever process; what fails is told, not raised."""

    def earlier(self) -> Done | None:
        """Return what came of it if it is done already and need not be sent."""


@dataclass(frozen=True)
class Done:
    """What came of a job."""

    name: str
    stopped: str  # as in run.json, or "failed"
    record: Mapping[str, Any] = field(default_factory=dict)  # run.json
    measures: Mapping[str, float] = field(default_factory=dict)
    error: str = ""  # of the run, or of measuring its result
    full: bool = False  # the disk is
