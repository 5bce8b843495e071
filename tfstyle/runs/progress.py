"""How far a run is: a bar on a terminal, lines elsewhere."""

import contextlib
import io
import os
import sys
import time
from typing import Any, TextIO

from tqdm import tqdm

from tfstyle.engine.state import Losses, Step


class Bar:
    """A progress bar on a terminal; elsewhere a plain line every few seconds."""

    LINE_EVERY = 10.0  # seconds
    WIDTH = 12  # of the bar itself, characters

    def __init__(self, stream: TextIO | None = None) -> None:
        # There is no stderr where the caller closed it, or has no console.
        self._stream = stream or sys.stderr or io.StringIO()
        self._last_line = -self.LINE_EVERY
        self._bar: tqdm[Any] | None = None
        if self._stream.isatty():
            self._bar = tqdm(
                total=1.0,
                file=self._stream,
                miniters=0,  # or tiles, which are no progress of a step, are not shown
                ncols=self._columns(),
                nrows=24,  # one is needed, but where it is unknown tqdm shows nothing
                bar_format=f"{{percentage:3.0f}}% {{bar:{self.WIDTH}}} {{desc}}",
            )

    def show(self, fraction: float, seconds: float, text: str, last: bool) -> None:
        """Say that a fraction of the work was done in so many seconds."""
        left = "" if last else time_left(fraction, seconds)
        if self._bar is not None:
            self._bar.ncols = self._columns()
            room = self._bar.ncols - len("100%  ") - self.WIDTH
            text = fitting(f"{left}, {text}" if left else text, room)
            self._bar.set_description_str(text, refresh=False)
            self._bar.update(fraction - self._bar.n)
        elif seconds - self._last_line >= self.LINE_EVERY or last:
            self._last_line = seconds
            text = f"{text}, {left}" if left else text
            print(f"{fraction:4.0%} {text}", file=self._stream, flush=True)

    def _columns(self) -> int:
        """Return the terminal's width less one, as the last column may wrap.

        tqdm's own `dynamic_ncols` takes an unknown width for none.
        """
        with contextlib.suppress(OSError):
            if columns := os.get_terminal_size(self._stream.fileno()).columns:
                return columns - 1
        return 79

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()


class Progress:
    """An observer that shows how far a run is, in a bar or in lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._bar = Bar(stream)
        self.close = self._bar.close
        self._step: Step | None = None
        self._at = 0.0  # when that was done

    def __call__(self, step: Step) -> None:
        self._step, self._at = step, time.perf_counter()
        self._bar.show(step.progress, step.seconds, describe(step), step.last)

    def tile(self, done: int, count: int) -> None:
        """Show that so many tiles of the next step are done."""
        if step := self._step:
            seconds = step.seconds + time.perf_counter() - self._at
            text = describe(step, f", on tile {done} of {count}")
            self._bar.show(step.progress, seconds, text, last=False)


def describe(step: Step, further: str = "") -> str:
    """Return the step, the size and the losses in one readable phrase.

    `further` stands between them.
    """
    size = f"{step.width}x{step.height} ({step.scale + 1}/{step.scales})"
    return f"step {step.step}, {size}{further}: {describe_losses(step.losses)}"


def describe_losses(losses: Losses) -> str:
    """Return all losses in one phrase."""
    return ", ".join(f"{name} {value:.4g}" for name, value in losses.items())


def fitting(text: str, room: int) -> str:
    """Return the items of a text, parted by commas or colons, that fit the room."""
    if len(text) <= room:
        return text
    return text[: max(0, *(text.rfind(end, 0, room + 2) for end in (", ", ": ")))]


def time_left(fraction: float, seconds: float) -> str:
    """Return "01:05 left", once enough was done to tell."""
    if not 0.02 < fraction < 1:
        return ""
    left = tqdm.format_interval(round(seconds * (1 / fraction - 1)))
    return f"{left} left"
