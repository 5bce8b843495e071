"""How far a film is."""

import time
from collections.abc import Sequence
from pathlib import Path

from tfstyle.clips.folder import frames_done
from tfstyle.clips.painting import going_on
from tfstyle.config import StyleConfig
from tfstyle.engine.schedule import schedule
from tfstyle.engine.state import Step
from tfstyle.runs.progress import Bar


class Progress:
    """Shows how many frames are done, and the time that is left.

    Args:
        config: all options.
        folder: of the film; what is there has taken no time now.
        shots: of the film.
    """

    def __init__(self, config: StyleConfig, folder: Path, shots: Sequence[range]):
        self._first, self._next = _work(config), _work(going_on(config))
        self._begins = {shot.start for shot in shots}
        self._count = sum(map(len, shots))
        done = [number for s in shots for number in s[: frames_done(folder, s)]]
        self._total = sum(self._of(n) for shot in shots for n in shot)
        self._done = self._earlier = sum(self._of(n) for n in done)
        self._frames = len(done)
        self._began, self._bar = time.perf_counter(), Bar()
        self.close = self._bar.close

    def __call__(self, number: int, step: Step) -> None:
        """Say where a step of a frame is."""
        within = self._of(number)
        done = self._done + step.progress * within
        if step.last:
            self._done, self._frames = done, self._frames + 1
        # What was there already says nothing of the time that is left.
        seconds = time.perf_counter() - self._began
        seconds *= done / max(done - self._earlier, 1e-9)
        text = f"{self._frames} of {self._count} frames"
        last = self._frames == self._count
        self._bar.show(done / self._total, seconds, text, last)

    def _of(self, number: int) -> float:
        return self._first if number in self._begins else self._next


def _work(config: StyleConfig) -> float:
    """Return about how long a frame takes, in steps on one pixel."""
    scales = schedule(config.pyramid, config.size)
    return float(sum(scale.steps * scale.size**2 for scale in scales))
