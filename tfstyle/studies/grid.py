"""A study's runs, one after the other, into a folder with a sheet and a table.

The folder holds sheet.png, results.csv and a run directory for each cell. Run again,
it goes on: finished cells are kept, interrupted ones resumed, changed ones redone.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfstyle.engine.inputs import Inputs
from tfstyle.engine.state import Step
from tfstyle.errors import RunError
from tfstyle.images import load_image, save_image
from tfstyle.runs.folder import RESULT, check_writable
from tfstyle.runs.inputs import load_inputs
from tfstyle.runs.job import failure
from tfstyle.runs.observers import Observer
from tfstyle.runs.progress import Bar, describe
from tfstyle.studies.outcome import CellOutcome, StudyResult, columns
from tfstyle.studies.overview import draw_study
from tfstyle.studies.runs import load_result, run_or_keep
from tfstyle.studies.strokes import stroke_size
from tfstyle.studies.study import Cell, Study
from tfstyle.studies.table import write_table
from tfstyle.system.quiet import require_tensorflow

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept

SHEET, TABLE = "sheet.png", "results.csv"


def run_study(study: Study, folder: Path) -> StudyResult:
    """Run all cells and draw the sheet.

    What a cell cannot do, it does without: the tile of one that failed says why. An
    interruption ends the study; what is finished is kept.

    Raises:
        ValueError: before any cell runs, if a picture cannot be used or nothing can be
            written into the folder.
    """
    inputs = load_all(study)
    check_writable(folder)
    require_tensorflow()
    from tfstyle.engine.kept import Kept

    kept, progress = Kept(), StudyProgress(len(study.cells))
    outcomes: list[CellOutcome | None] = [None] * len(study.cells)
    try:
        for number, index in enumerate(running_order(study.cells)):
            progress.begin(number, study.cells[index])
            outcome = run_cell(
                study.cells[index], inputs[index], folder, progress.watch, kept
            )
            if outcome.stopped == "interrupted":
                break
            folder.mkdir(parents=True, exist_ok=True)  # a run that fails leaves none
            outcomes[index] = outcome
            done = [each for each in outcomes if each]
            write_table(folder / TABLE, [each.row for each in done], columns(done))
    finally:
        progress.close()
        if any(outcomes):
            sheet = draw_study(study, inputs, folder, outcomes)
            save_image(folder / SHEET, sheet)
    done = [each for each in outcomes if each]
    return StudyResult(done, folder / SHEET, interrupted=len(done) < len(outcomes))


def report(result: StudyResult, complain: Callable[[str], None]) -> int:
    """Say how a study ended; return the exit code.

    Args:
        result: of `run_study`.
        complain: takes a line for each thing that went wrong.
    """
    if not result.interrupted:
        print(result.sheet)
    for line in result.complaints:
        complain(line)
    return result.code


def load_all(study: Study) -> list[Inputs]:
    """Read the pictures of all cells, each file once.

    Raises:
        ValueError: if one cannot be used; the message names the cell.
    """
    load = functools.cache(load_image)
    inputs = []
    for cell in study.cells:
        try:
            inputs.append(load_inputs(cell.config, load))
        except ValueError as error:
            raise ValueError(f"{cell.title}: {error}") from error
    return inputs


def running_order(cells: Sequence[Cell]) -> list[int]:
    """Return the places of cells as they run: those that others start from before."""
    places = {cell.folder: place for place, cell in enumerate(cells)}

    def depth(cell: Cell) -> int:
        return depth(cells[places[cell.after]]) + 1 if cell.after else 0

    return sorted(range(len(cells)), key=lambda place: depth(cells[place]))


def warm_started(cell: Cell, inputs: Inputs, folder: Path) -> tuple[Cell, Inputs]:
    """Return a cell that starts from another one's result, with that picture.

    Raises:
        ValueError: if that one failed.
    """
    if cell.after is None:
        return cell, inputs
    result = folder / cell.after / RESULT
    if not result.is_file():
        raise ValueError(f"it starts from {cell.after}, which has no result")
    config = cell.config.with_overrides({"init": str(result)})
    return (
        dataclasses.replace(cell, config=config),
        dataclasses.replace(inputs, start=load_result(result.parent)),
    )


def run_cell(
    cell: Cell, inputs: Inputs, folder: Path, watch: Observer, kept: "Kept"
) -> CellOutcome:
    """Run a cell, or keep what an earlier study has of it, and measure its result."""
    run = folder / cell.folder
    try:
        cell, inputs = warm_started(cell, inputs, folder)
        record = run_or_keep(cell.config, inputs, run, [watch], kept)
    except (RunError, ValueError) as error:
        return CellOutcome(cell, "failed", error=str(error))
    outcome = CellOutcome(
        cell,
        record["stopped"],
        steps=record["steps"],
        seconds=record["seconds"]["optimising"],
        losses=record["losses"],
    )
    if outcome.stopped == "interrupted":
        return outcome
    return measured(outcome, inputs, run, kept)


def measured(
    outcome: CellOutcome, inputs: Inputs, folder: Path, kept: "Kept"
) -> CellOutcome:
    """Measure the saved picture of a cell, as far as the memory allows."""
    from tfstyle.studies.judging import judge
    from tfstyle.studies.measures import content_psnr, distances

    config, image, error = outcome.cell.config, load_result(folder), ""
    measures = {"psnr": content_psnr(config, inputs, image)}
    measures["stroke_size"] = stroke_size(image)
    try:
        measures |= judge(inputs, image, kept)
        measures |= distances(config, inputs, image, kept)
    except ValueError as reason:
        error = f"not measured: {reason}"
    except Exception as reason:  # as TensorFlow's own, when the memory is full
        error = f"not measured: {failure(reason)}"
    return dataclasses.replace(outcome, measures=measures, error=error)


class StudyProgress:
    """How far a study is, in one bar: the fraction of its cells that are done."""

    def __init__(self, cells: int) -> None:
        self._bar = Bar()
        self._began = time.perf_counter()
        self._cells, self._done = cells, 0
        self._title = ""

    def begin(self, number: int, cell: Cell) -> None:
        """Name the cell that begins, when `number` cells are done."""
        self._done, self._title = number, cell.title

    def watch(self, step: Step) -> None:
        """Show a step of the cell."""
        fraction = (self._done + step.progress) / self._cells
        text = f"cell {self._done + 1}/{self._cells} ({self._title}): {describe(step)}"
        last = step.last and self._done + 1 == self._cells
        self._bar.show(fraction, time.perf_counter() - self._began, text, last)

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()
