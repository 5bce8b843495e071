"""How far all jobs are: one bar on a terminal, lines elsewhere."""

import time

from tfstyle.engine.state import Step
from tfstyle.jobs.runner import Runner
from tfstyle.runs.progress import Bar, describe


class JobProgress:
    """One display for all jobs: done, running, failed, and the time that is left."""

    def __init__(self) -> None:
        self._bar, self._began = Bar(), time.perf_counter()
        self._runner: Runner | None = None
        self.close = self._bar.close

    def look(self, runner: Runner) -> None:
        """Show how many jobs are done."""
        self._runner = runner
        if runner.done:
            self._show(0.0, "")

    def step(self, step: Step) -> None:
        """Show a step of the one job that is under way."""
        self._show(step.progress, f": {describe(step)}")

    def _show(self, part: float, further: str) -> None:
        """Show what is done, and a part of the job under way."""
        runner = self._runner
        if runner is None:
            return
        failed = sum(each.stopped == "failed" for each in runner.done.values())
        done, running = len(runner.done), len(runner.running)
        text = f"{done} of {runner.total} done"
        text += (
            f", {running} running"
            if running != 1
            else f", {next(iter(runner.running))}"
        )
        text += f", {failed} failed" if failed else ""
        fraction = (done + part) / runner.total
        seconds = time.perf_counter() - self._began
        self._bar.show(fraction, seconds, text + further, fraction >= 1)
