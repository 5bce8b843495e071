"""Jobs handed out, wherever they are made, until all are done."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tfstyle.errors import RunError
from tfstyle.images import load_image
from tfstyle.jobs.job import Done, Job, Measure, Task
from tfstyle.jobs.perform import Work
from tfstyle.jobs.places import Place
from tfstyle.runs.folder import RESULT
from tfstyle.runs.inputs import load_inputs, load_metadata
from tfstyle.runs.job import failure
from tfstyle.system.signals import stop_signals

KEEP = 16  # pictures, as they were read
TRIES = 3  # of a job whose maker dies: it goes on from its checkpoint twice


class Runner:
    """Hands jobs out and takes what comes of them.

    Args:
        jobs: with names of their own; those that others start from may come later.
        place: where they are made.
        prepare: turns a job, and what is done, into what is sent; may raise a
            ValueError, with which the job fails.
        look: called with this runner now and then.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        place: Place,
        prepare: Callable[[Job, Mapping[str, Done]], Task],
        look: Callable[["Runner"], object] = lambda runner: None,
    ) -> None:
        self.total, self.done = len(jobs), dict[str, Done]()
        self.running: dict[str, Task] = {}
        self._waiting, self._place = list(jobs), place
        self._prepare, self._look = prepare, look
        self._tries: dict[str, int] = {}
        self._stopped = False

    def __iter__(self) -> Iterator[Done]:
        """Yield what came of each job, as it is done; stopped ones end it.

        Raises:
            RunError: if the disk is full.
        """
        with stop_signals() as asked:
            try:
                while self._waiting or self.running:
                    if not asked():
                        yield from self._hand_out()
                    self._look(self)
                    yield from self._take()
                    if asked() or self.interrupted:
                        self._waiting.clear()
                        self._stop()
            except BaseException:  # nobody takes what is under way
                self._stop()
                raise
            finally:
                self._place.close()

    @property
    def interrupted(self) -> bool:
        """Whether some job was asked to stop, and so all are."""
        return any(each.stopped == "interrupted" for each in self.done.values())

    def _stop(self) -> None:
        """Ask those that are under way to stop, once: a second time would end them."""
        if not self._stopped:
            self._place.stop()
        self._stopped = True

    def _hand_out(self) -> Iterator[Done]:
        for job in [*self._waiting]:
            if len(self.running) >= self._place.slots:
                return
            if job.after and job.after not in self.done:
                continue
            self._waiting.remove(job)
            try:
                work = self._prepare(job, self.done)
            except ValueError as error:
                yield self._note(Done(job.name, "failed", error=str(error)))
                continue
            if earlier := work.earlier():
                yield self._note(earlier)
                continue
            self.running[job.name] = work
            try:
                self._place.submit(work)
            except Exception as error:
                del self.running[job.name]
                yield self._note(Done(job.name, "failed", error=str(failure(error))))

    def _take(self) -> Iterator[Done]:
        for found in self._place.finished():
            name = found if isinstance(found, str) else found.name
            work = self.running.pop(name)
            done = self._again(work) if isinstance(found, str) else found
            if done is None:
                continue
            yield self._note(done)
            if done.full:
                left = len(self._waiting) + len(self.running)
                raise RunError(
                    f"{done.error}; {left} jobs are left: free some space, then the "
                    "same command goes on"
                )

    def _again(self, work: Task) -> Done | None:
        """Hand out a job again whose maker died, a few times."""
        name = work.name
        if self._stopped:
            return Done(name, "interrupted")
        self._tries[name] = self._tries.get(name, 1) + 1
        if self._tries[name] > TRIES:
            return Done(name, "failed", error=f"its process died {TRIES} times")
        self.running[name] = work
        self._place.submit(work)
        return None

    def _note(self, done: Done) -> Done:
        self.done[done.name] = done
        return done


class Preparation:
    """Reads the pictures of runs, those of several jobs once.

    Args:
        folder: for the run directories.
        measure: of each result.
    """

    def __init__(self, folder: Path, measure: Measure | None = None) -> None:
        self._folder, self._measure = folder, measure
        # A style is that of many jobs, a content image that of a few in a row.
        self._load = functools.lru_cache(KEEP)(load_image)

    def __call__(self, job: Job, done: Mapping[str, Done]) -> Work:
        """Return a job with its pictures.

        Raises:
            ValueError: if one cannot be used, or the job that it starts from failed.
        """
        if job.after:
            result = self._folder / job.after / RESULT
            if done[job.after].stopped == "failed" or not result.is_file():
                raise ValueError(f"it starts from {job.after}, which has no result")
            config = job.config.with_overrides({"init": str(result)})
            job = dataclasses.replace(job, config=config)
        inputs = load_inputs(job.config, self._load)
        metadata, folder = load_metadata(job.config), self._folder.absolute()
        return Work(job, inputs, metadata, folder, self._measure)
