"""A study's runs, made anywhere, into a folder with a sheet and a table.

The folder holds sheet.png, results.csv and a run directory for each cell. Run again,
it goes on: finished cells are kept, interrupted ones resumed, changed ones redone.
"""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import Picture, load_image, save_image
from tfstyle.jobs.job import Done
from tfstyle.jobs.perform import finished_record, load_result
from tfstyle.jobs.places import Here, Place
from tfstyle.jobs.progress import JobProgress
from tfstyle.jobs.runner import KEEP, Preparation, Runner
from tfstyle.runs.folder import check_writable
from tfstyle.runs.inputs import load_inputs
from tfstyle.runs.job import failure
from tfstyle.studies.outcome import CellOutcome, StudyResult, columns
from tfstyle.studies.overview import draw_study
from tfstyle.studies.sheet import thumbnail
from tfstyle.studies.strokes import stroke_size
from tfstyle.studies.study import Cell, Study
from tfstyle.studies.table import write_table

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept

SHEET, TABLE = "sheet.png", "results.csv"
WRITE_EVERY = 5.0  # seconds, the table
MOST_DRAWN = 400  # cells of a sheet


def run_study(
    study: Study, folder: Path, place: Callable[[int], Place] | None = None
) -> StudyResult:
    """Run all cells and draw the sheet.

    What a cell cannot do, it does without: the tile of one that failed says why. An
    interruption ends the study; what is finished is kept.

    Args:
        study: the grid.
        folder: for all that is written.
        place: opens where so many cells are run; by default here, one after the other.

    Raises:
        ValueError: before any cell runs, if a picture cannot be used or nothing can be
            written into the folder.
        RunError: if the disk is full.
    """
    if study.checked:
        check_pictures(study)
    check_writable(folder)
    progress = JobProgress()
    opened = place(len(study.cells)) if place else Here(progress.step)
    measure = measured if study.measured else None
    jobs = [cell.job for cell in study.cells]
    runner = Runner(jobs, opened, Preparation(folder, measure), progress.look)
    outcomes: dict[str, CellOutcome] = {}
    earlier = earlier_outcomes(study, folder)
    try:
        _collect(study, folder, runner, outcomes, earlier)
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong first is told
            write_all(study, folder, outcomes, earlier)
        raise
    finally:
        progress.close()
    write_all(study, folder, outcomes, earlier)
    shown = SHEET if len(study.cells) <= MOST_DRAWN else TABLE
    found = in_order(study, outcomes)
    return StudyResult(found, folder / shown, interrupted=len(found) < len(study.cells))


def _collect(
    study: Study,
    folder: Path,
    runner: Runner,
    outcomes: dict[str, CellOutcome],
    earlier: dict[str, CellOutcome],
) -> None:
    """Take what comes of each cell, and write the table now and then."""
    cells, written = {cell.folder: cell for cell in study.cells}, 0.0
    for done in runner:
        earlier.pop(done.name, None)
        if done.stopped == "interrupted":
            continue
        folder.mkdir(parents=True, exist_ok=True)  # a run that fails leaves none
        outcomes[done.name] = outcome_of(cells[done.name], done)
        if time.monotonic() - written > WRITE_EVERY:  # all of it: not for each job
            write_results(study, folder, {**earlier, **outcomes})
            written = time.monotonic()


def write_all(
    study: Study,
    folder: Path,
    outcomes: Mapping[str, CellOutcome],
    earlier: Mapping[str, CellOutcome],
) -> None:
    """Write the table and the sheet of what is there, if anything is new."""
    if outcomes:
        found = {**earlier, **outcomes}
        write_results(study, folder, found)
        draw_sheet(study, folder, found)


def earlier_outcomes(study: Study, folder: Path) -> dict[str, CellOutcome]:
    """Return what an earlier time left, for cells that may not be reached now."""
    found = {}
    for cell in study.cells:
        if record := finished_record(cell.config, folder / cell.folder):
            done = Done(cell.folder, record["stopped"], record)
            found[cell.folder] = outcome_of(cell, done)
    return found


def in_order(study: Study, outcomes: Mapping[str, CellOutcome]) -> list[CellOutcome]:
    """Return the outcomes that there are, cell by cell."""
    return [outcomes[c.folder] for c in study.cells if c.folder in outcomes]


def outcome_of(cell: Cell, done: Done) -> CellOutcome:
    """Return a cell's numbers, from what came of its job."""
    record = done.record
    return CellOutcome(
        cell,
        done.stopped,
        steps=record.get("steps"),
        seconds=record["seconds"]["optimising"] if record else None,
        losses=record.get("losses", {}),
        measures=done.measures,
        error=done.error,
    )


def write_results(
    study: Study, folder: Path, outcomes: Mapping[str, CellOutcome]
) -> None:
    """Write the table of what is done."""
    found = in_order(study, outcomes)
    write_table(folder / TABLE, [each.row for each in found], columns(found))


def draw_sheet(study: Study, folder: Path, outcomes: Mapping[str, CellOutcome]) -> None:
    """Draw what is done, if it fits a sheet."""
    if len(study.cells) > MOST_DRAWN:
        (folder / SHEET).unlink(missing_ok=True)  # of an earlier, smaller one
        return
    look = functools.cache(seen)
    pictures = [
        Inputs(
            look(cell.config.content.path),
            [look(style.path) for style in cell.config.styles],
        )
        for cell in study.cells
    ]
    done = [outcomes.get(cell.folder) for cell in study.cells]
    save_image(folder / SHEET, draw_study(study, pictures, folder, done))


def seen(path: str | None) -> Picture:
    """Return a picture as the sheet shows it; white if it cannot be read."""
    try:
        return thumbnail(load_image(str(path), math.inf))
    except ValueError:
        return np.ones((9, 9, 3), np.float32)


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


def check_pictures(study: Study) -> None:
    """Read the pictures of all cells, each file once, so that none fails late.

    Raises:
        ValueError: if one cannot be used; the message names the cell.
    """
    load = functools.lru_cache(KEEP)(load_image)
    for cell in study.cells:
        try:
            load_inputs(cell.config, load)
        except ValueError as error:
            raise ValueError(f"{cell.title}: {error}") from error


def measured(
    config: StyleConfig, inputs: Inputs, folder: Path, kept: "Kept"
) -> tuple[dict[str, float], str]:
    """Measure the saved picture of a run, as far as the memory allows.

    Returns:
        The measures, and what kept some of them away, or "".
    """
    from tfstyle.studies.judging import judge
    from tfstyle.studies.measures import content_psnr, distances

    measures: dict[str, float] = {}
    try:
        image = load_result(folder)
        measures["psnr"] = content_psnr(config, inputs, image)
        measures["stroke_size"] = stroke_size(image)
        measures |= judge(inputs, image, kept)
        measures |= distances(config, inputs, image, kept)
    except ValueError as reason:
        return measures, f"not measured: {reason}"
    except Exception as reason:  # as TensorFlow's own, when the memory is full
        return measures, f"not measured: {failure(reason)}"
    return measures, ""
