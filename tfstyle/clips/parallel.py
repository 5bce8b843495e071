"""Shots of a film painted several at a time: in processes, or on a Ray cluster."""

import time
from dataclasses import dataclass
from pathlib import Path

from tfstyle.api import Stop
from tfstyle.clips.folder import FRAMES, frames_done
from tfstyle.clips.painting import render_shot
from tfstyle.config import StyleConfig
from tfstyle.engine.state import Step
from tfstyle.errors import RunError
from tfstyle.jobs.job import Done, Job
from tfstyle.jobs.perform import alone
from tfstyle.jobs.places import Place
from tfstyle.jobs.runner import Runner
from tfstyle.runs.job import failure
from tfstyle.runs.progress import Bar
from tfstyle.system.signals import stop_signals


@dataclass(frozen=True)
class ShotTask:
    """One shot, painted by whoever has it; nodes of a cluster must see the folder."""

    name: str
    config: StyleConfig
    frames: Path  # folder of the frames, absolute
    shot: range

    def earlier(self) -> None:
        """Return nothing: frames that are there are left alone."""

    def make(self) -> Done:
        """Paint what is missing of the shot."""
        with stop_signals() as asked, alone():

            def stop_if_asked(number: int, step: Step) -> None:
                if asked():
                    raise Stop

            try:
                render_shot(self.config, self.frames, self.shot, stop_if_asked)
            except Stop:
                return Done(self.name, "interrupted")
            except ValueError as error:
                return Done(self.name, "failed", error=str(error))
            except Exception as error:
                return Done(self.name, "failed", error=str(failure(error)))
        return Done(self.name, "finished")


def paint_shots(
    config: StyleConfig, folder: Path, shots: list[range], place: Place
) -> bool:
    """Paint all shots of a film; return False if asked to stop.

    Args:
        config: all options, none of which is left to be chosen.
        folder: of the film.
        shots: the numbers of their frames.
        place: where they are painted.

    Raises:
        RunError: if some cannot be painted.
    """
    frames = (folder / FRAMES).absolute()
    by_name = {f"shot_{shot.start:06}": shot for shot in shots}
    began, bar, total = time.perf_counter(), Bar(), sum(map(len, shots))

    def look(runner: Runner) -> None:
        done = sum(frames_done(folder, shot) for shot in shots)
        text = f"{done} of {total} frames, {len(runner.running)} shots at a time"
        bar.show(done / total, time.perf_counter() - began, text, done == total)

    runner = Runner(
        [Job(name, config) for name in by_name],
        place,
        lambda job, done: ShotTask(job.name, config, frames, by_name[job.name]),
        look,
    )
    try:
        failed = [done for done in runner if done.stopped == "failed"]
    finally:
        bar.close()
    if failed:
        raise RunError(f"{failed[0].name}: {failed[0].error}")
    return not runner.interrupted
