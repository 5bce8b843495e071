"""What came of a study: of each cell, and of the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfstyle.studies import judging
from tfstyle.studies.study import Cell
from tfstyle.studies.table import union

LOSSES = ("total", "content", "style", "variation")  # and further terms after them
MEASURES = (
    *("psnr", "content_distance", "style_distance", *judging.MEASURES),
    "stroke_size",
)


@dataclass(frozen=True)
class CellOutcome:
    """A cell's numbers, or why it has none."""

    cell: Cell
    stopped: str  # as in run.json
    steps: int | None = None
    seconds: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    error: str = ""  # of the run, or of measuring its result

    @property
    def failed(self) -> bool:
        """Whether the cell has no result."""
        return self.stopped == "failed"

    @property
    def row(self) -> dict[str, Any]:
        """The cell's row of the table."""
        numbers = {"steps": self.steps, "seconds": self.seconds}
        return {
            **{"row": self.cell.row, "column": self.cell.column, **self.cell.keys},
            **{name: value for name, value in numbers.items() if value is not None},
            **{**self.losses, **self.measures, "stopped": self.stopped},
            "error": self.error,
        }


@dataclass(frozen=True)
class StudyResult:
    """What a study ended with."""

    outcomes: Sequence[CellOutcome]
    sheet: Path
    interrupted: bool

    @property
    def code(self) -> int:
        """The exit code: 130 if interrupted, 1 if a cell failed, else 0."""
        if self.interrupted:
            return 130
        return int(any(outcome.failed for outcome in self.outcomes))

    @property
    def complaints(self) -> list[str]:
        """What went wrong, a line for each."""
        lines = [_complaint(each) for each in self.outcomes if each.error]
        if self.interrupted:
            folder = self.sheet.parent
            lines.append(f"interrupted; the same command goes on from {folder}")
        return lines


def _complaint(outcome: CellOutcome) -> str:
    if outcome.failed:
        return f"error: the cell {outcome.cell.title} failed: {outcome.error}"
    return f"warning: the cell {outcome.cell.title}: {outcome.error}"


def columns(outcomes: Sequence[CellOutcome]) -> list[str]:
    """Return the table's columns: what varies, then the numbers."""
    losses = union([LOSSES, *[outcome.losses for outcome in outcomes]])
    varied = union(outcome.cell.keys for outcome in outcomes)
    return [
        *("row", "column", *varied, "steps", "seconds"),
        *(*losses, *MEASURES, "stopped", "error"),
    ]
