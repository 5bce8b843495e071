"""Where jobs are made, as far as whoever hands them out needs to know."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import psutil

from tfstyle.engine.state import Step
from tfstyle.jobs.job import Done, Task
from tfstyle.jobs.perform import STYLES, Work, make_kept, perform
from tfstyle.system.quiet import require_tensorflow

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept


class Place(Protocol):
    """Somebody who makes several jobs at a time."""

    slots: int  # how many may be handed out

    def submit(self, work: Task) -> None:
        """Begin a job."""

    def finished(self) -> list[Done | str]:
        """Wait a little; return what is done, and names of jobs whose maker died."""

    def stop(self) -> None:
        """Ask all jobs under way to stop and keep what they have."""

    def close(self) -> None:
        """End whatever was started."""


class Here:
    """This process, one job after the other.

    Args:
        watch: called after each step of a job.
    """

    slots = 1

    def __init__(self, watch: Callable[[Step], object] | None = None) -> None:
        self._watch, self._waiting = watch, list[Task]()
        self._kept: Kept | None = None  # as long as this place

    def submit(self, work: Task) -> None:
        self._waiting.append(work)

    def finished(self) -> list[Done | str]:
        return [self._perform(work) for work in self._pop()]

    def stop(self) -> None:
        """Do nothing: a run of this process has heard the signal itself."""

    def close(self) -> None:
        """Do nothing: nothing was started."""

    def _perform(self, work: Task) -> Done:
        if not isinstance(work, Work):
            return work.make()
        require_tensorflow()
        self._kept = self._kept or make_kept(work.folder / STYLES)
        return perform(work, self._watch, self._kept)

    def _pop(self) -> Iterator[Task]:
        while self._waiting:
            yield self._waiting.pop(0)


def cores() -> int:
    """Return how many cores this process may use."""
    with contextlib.suppress(AttributeError):  # not on every system
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count() or 1
