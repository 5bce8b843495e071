"""What watches a run: each observer is called with every `Step` and closed at the end.

The loop knows none of them; write another one as any callable that takes a `Step`.
"""

import contextlib
import csv
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from tqdm import tqdm

from tfstyle.runs.checkpoint import save_checkpoint
from tfstyle.config.schema import StyleConfig
from tfstyle.system.files import naming, replacing
from tfstyle.images import fit_size, resize, save_film, save_image, to_uint8

if TYPE_CHECKING:
    from tfstyle.engine.stage import Step

Observer = Callable[["Step"], object]


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
                ncols=self._columns(),
                nrows=24,  # one is needed, but where it is unknown tqdm shows nothing
                bar_format=f"{{percentage:3.0f}}% {{bar:{self.WIDTH}}} {{desc}}",
            )

    def show(self, share: float, seconds: float, text: str, last: bool) -> None:
        """Say that a share of the work was done in so many seconds."""
        left = "" if last else time_left(share, seconds)
        if self._bar is not None:
            self._bar.ncols = self._columns()
            room = self._bar.ncols - len("100%  ") - self.WIDTH
            text = fitting(f"{left}, {text}" if left else text, room)
            self._bar.set_description_str(text, refresh=False)
            self._bar.update(share - self._bar.n)
        elif seconds - self._last_line >= self.LINE_EVERY or last:
            self._last_line = seconds
            text = f"{text}, {left}" if left else text
            print(f"{share:4.0%} {text}", file=self._stream, flush=True)

    def _columns(self) -> int:
        """Return the terminal's width less one, as the last column may wrap."""
        with contextlib.suppress(OSError):
            if columns := os.get_terminal_size(self._stream.fileno()).columns:
                return columns - 1
        return 79

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()


class Progress:
    """How far a run is, in a bar or in lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._bar = Bar(stream)
        self.close = self._bar.close
        self._step: Step | None = None
        self._at = 0.0  # when that was done

    def __call__(self, step: "Step") -> None:
        self._step, self._at = step, time.perf_counter()
        self._bar.show(step.progress, step.seconds, describe(step), step.last)

    def tile(self, done: int, count: int) -> None:
        """Show that so many tiles of the next step are done."""
        if step := self._step:
            seconds = step.seconds + time.perf_counter() - self._at
            text = describe(step, f", on tile {done} of {count}")
            self._bar.show(step.progress, seconds, text, last=False)


def describe(step: "Step", further: str = "") -> str:
    """Return the step, the size and the losses in one readable phrase.

    `further` stands between them.
    """
    losses = step.losses
    return (
        f"step {step.step}, {step.width}x{step.height} "
        f"({step.scale + 1}/{step.scales}){further}: total {losses.total:.4g}, "
        f"content {losses.content:.4g}, style {losses.style:.4g}, "
        f"variation {losses.variation:.4g}"
    )


def fitting(text: str, room: int) -> str:
    """Return the items of a text, parted by commas or colons, that fit the room."""
    if len(text) <= room:
        return text
    return text[: max(0, *(text.rfind(end, 0, room + 2) for end in (", ", ": ")))]


def time_left(share: float, seconds: float) -> str:
    """Return "1:05 left", once enough was done to tell."""
    if not 0.02 < share < 1:
        return ""
    left = round(seconds * (1 / share - 1))
    return f"{left // 60}:{left % 60:02} left"


class Log:
    """A row per step in log.csv, flushed at once.

    Args:
        path: of the file.
        resumed: the step that a resumed run yields first; what was logged from there
            on is dropped.
    """

    COLUMNS = (
        *("step", "scale", "height", "width", "seconds"),
        *("total", "content", "style", "variation"),
    )

    def __init__(self, path: Path, resumed: int | None = None) -> None:
        kept = []
        if resumed is not None and path.exists():
            text = path.read_text(encoding="utf-8", errors="replace")
            kept = [
                row
                for row in csv.reader(text.splitlines())
                if len(row) == len(self.COLUMNS)
                and row[0].isdecimal()
                and int(row[0]) < resumed
            ]
        with (
            replacing(path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows([self.COLUMNS, *kept])
        self._path = path
        self._file = open(path, "a", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = csv.writer(self._file, lineterminator="\n")

    def __call__(self, step: "Step") -> None:
        with naming(self._path):
            self._writer.writerow(
                [step.step, step.scale, step.height, step.width, f"{step.seconds:.3f}"]
                + [f"{value:.9g}" for value in step.losses]
            )
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with naming(self._path):
            self._file.close()


class Snapshots:
    """The picture every N steps, as step_000040.png."""

    def __init__(self, folder: Path, every: int) -> None:
        self._folder, self._every = folder, every

    def __call__(self, step: "Step") -> None:
        if step.step % self._every == 0:
            self._folder.mkdir(exist_ok=True)
            save_image(self._folder / f"step_{step.step:06}.png", step.image())


class Film:
    """The optimisation as a film of about a hundred pictures, written at the end."""

    FRAMES, LONG_SIDE = 100, 512

    def __init__(self, path: Path, steps: int) -> None:
        self._path, self._every = path, max(1, round(steps / self.FRAMES))
        self._frames: list[np.ndarray] = []

    def __call__(self, step: "Step") -> None:
        if step.step % self._every == 0 or step.last:
            long_side = min(max(step.height, step.width), self.LONG_SIDE)
            size = fit_size(step.height, step.width, long_side)
            self._frames.append(to_uint8(resize(step.image(), *size)))

    def close(self) -> None:
        """Write the film, all of it at the size of the last frame."""
        if not self._frames:
            return
        size = self._frames[-1].shape[:2]
        frames = [to_uint8(resize(f / np.float32(255), *size)) for f in self._frames]
        save_film(self._path, frames)


class Stillness:
    """Says so if the steps do not change the picture."""

    PATIENCE = 10  # steps

    def __init__(self) -> None:
        self._first: int | None = None  # step that was seen
        self._since, self._total = 0, float("nan")

    def __call__(self, step: "Step") -> None:
        if self._first is None:
            self._first = step.step
        if step.losses.total != self._total:
            self._since, self._total = step.step, step.losses.total
            return
        still = step.step - self._since
        never = step.last and self._since == self._first and still < self.PATIENCE
        if still == self.PATIENCE or never:
            warnings.warn(
                f"the objective has been {self._total:g} since step {self._since}: the "
                "picture does not change; if it should, see the weights in objective",
                RuntimeWarning,
                stacklevel=2,
            )


class Checkpoints:
    """A checkpoint at each new size, and every so many seconds, to resume from.

    Large ones take their time: then so much lies between them that they take no more
    than 2 % of the run.
    """

    SHARE = 0.015  # aimed at; each is a little dearer than the one before

    def __init__(
        self,
        path: Path,
        config: StyleConfig,
        pictures: Mapping[str, str] | None = None,
    ) -> None:
        self._path, self._config, self.pictures = path, config, dict(pictures or {})
        self._scale: int | None = None  # of the step before
        self._saved = 0.0  # the step's seconds at the last save
        self._took = 0.0  # seconds

    def __call__(self, step: "Step") -> None:
        every = self._config.output.checkpoint_every
        least = self._took / self.SHARE if every else 0.0
        due = step.seconds - self._saved >= max(every, least)
        if due or step.scale != self._scale:
            self.save(step)
        self._scale = step.scale

    def save(self, step: "Step") -> None:
        """Save a checkpoint now."""
        began = time.perf_counter()
        checkpoint = step.checkpoint()
        save_checkpoint(self._path, checkpoint, self._config, self.pictures)
        self._took = time.perf_counter() - began
        self._saved = step.seconds
