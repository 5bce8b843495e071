"""What watches a run: each observer is called with every `Step`.

The loop knows none of them; write another one as any callable that takes a `Step`. If
it has a method `close`, that is called at the end; if it has `tile`, that is called
after each tile, with how many of how many are done. It may raise `tfstyle.api.Stop`.
"""

import csv
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from tfstyle.config import StyleConfig
from tfstyle.engine.state import Step
from tfstyle.images import save_image
from tfstyle.runs.checkpoint import save_checkpoint
from tfstyle.system.files import naming, replacing

Observer = Callable[[Step], object]


class Log:
    """A row per step in log.csv, flushed at once.

    If the file is there already, of a run that is resumed, its rows before the first
    step seen are kept.
    """

    COLUMNS = ("step", "scale", "height", "width", "seconds")  # and the losses

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __call__(self, step: Step) -> None:
        with naming(self._path):
            if self._file is None:
                self._file = self._begin(step)
            place = step.step, step.scale, step.height, step.width
            losses = [f"{value:.9g}" for value in step.losses.values()]
            row = [*place, f"{step.seconds:.3f}", *losses]
            csv.writer(self._file, lineterminator="\n").writerow(row)
            self._file.flush()

    def _begin(self, step: Step) -> TextIO:
        """Write the file anew, with the rows before this step, and leave it open."""
        columns = [*self.COLUMNS, *step.losses]
        earlier = read_log(self._path) if self._path.exists() else []
        kept = [row for row in earlier if int(row["step"]) < step.step]
        with (
            replacing(self._path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(
                file, columns, extrasaction="ignore", lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(kept)
        return open(self._path, "a", newline="", encoding="utf-8")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with naming(self._path):
                self._file.close()


def read_log(path: Path) -> list[dict[str, str]]:
    """Return the rows of a log.csv, by column.

    Rows that a killed run, or a full disk, left unfinished are left out.

    Raises:
        OSError: if it cannot be read.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    header, *rows = list(csv.reader(text.splitlines())) or [[]]
    if "step" not in header[:1]:
        return []
    return [
        dict(zip(header, row, strict=True))
        for row in rows
        if len(row) == len(header) and row[0].isdecimal()
    ]


class Snapshots:
    """The picture every N steps, as step_000040.png."""

    def __init__(self, folder: Path, every: int) -> None:
        self._folder, self._every = folder, every

    def __call__(self, step: Step) -> None:
        if step.step % self._every == 0:
            self._folder.mkdir(exist_ok=True)
            save_image(self._folder / f"step_{step.step:06}.png", step.image())


class Stalled:
    """Says so if the steps do not change the picture."""

    PATIENCE = 10  # steps

    def __init__(self) -> None:
        self._first: int | None = None  # step that was seen
        self._since, self._total = 0, float("nan")

    def __call__(self, step: Step) -> None:
        total = step.losses["total"]
        if self._first is None:
            self._first = step.step
        if total != self._total:
            self._since, self._total = step.step, total
            return
        unchanged = step.step - self._since
        never = step.last and self._since == self._first and unchanged < self.PATIENCE
        if unchanged == self.PATIENCE or never:
            warnings.warn(
                f"the run has stalled: the objective has been {total:g} since step "
                f"{self._since}; if the picture should change, see the weights in "
                "objective",
                RuntimeWarning,
                stacklevel=2,
            )


class Checkpoints:
    """A checkpoint at each new size, and every so many seconds, to resume from.

    Large ones take their time: then so much lies between them that they take no more
    than 2 % of the run.
    """

    FRACTION = 0.015  # aimed at; each is a little dearer than the one before

    def __init__(
        self,
        path: Path,
        config: StyleConfig,
        pictures: Mapping[str, str] | None = None,
    ) -> None:
        self._path, self._config, self.pictures = path, config, dict(pictures or {})
        self._scale: int | None = None  # of the step before
        self._step: int | None = None  # that was saved last
        self._saved = 0.0  # its seconds
        self._took = 0.0  # seconds

    def __call__(self, step: Step) -> None:
        every = self._config.output.checkpoint_every
        least = self._took / self.FRACTION if every else 0.0
        due = step.seconds - self._saved >= max(every, least)
        if due or step.scale != self._scale:
            self.save(step)
        self._scale = step.scale

    def save(self, step: Step) -> None:
        """Save a checkpoint now, unless this step's is there."""
        if step.step == self._step:
            return
        began = time.perf_counter()
        save_checkpoint(self._path, step.state(), self._config, self.pictures)
        self._took = time.perf_counter() - began
        self._step, self._saved = step.step, step.seconds
