"""A study's runs, one after the other, into a folder with a sheet and a table.

The folder holds sheet.png, results.csv and a run directory for each cell. Run again,
it goes on: finished cells are kept, interrupted ones resumed, changed ones redone.
"""

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfstyle.cli.command import complain
from tfstyle.engine.inputs import Inputs, Picture, load_inputs
from tfstyle.errors import RunError
from tfstyle.images import load_image, save_image
from tfstyle.runs.folder import check_writable
from tfstyle.runs.observers import Bar, Observer, describe
from tfstyle.studies.runs import load_result, remembering_networks, run_or_keep
from tfstyle.studies.sheet import Tile, contact_sheet, thumbnail
from tfstyle.studies.study import Cell, Study
from tfstyle.studies.table import write_table
from tfstyle.system.devices import quiet_import

if TYPE_CHECKING:
    from tfstyle.engine.stage import Build, Step
    from tfstyle.studies.measures import Yardstick

SHEET, TABLE = "sheet.png", "results.csv"
MEASURES = (
    *("steps", "seconds", "total", "content", "style", "variation"),
    *("psnr", "content_distance", "style_distance", "stopped", "error"),
)
Row = dict[str, Any]


def run_study(study: Study, folder: Path) -> int:
    """Run all cells and draw the sheet; return the command's exit code.

    That is 0 if all cells have a result, 1 if one failed (its tile says why, the others
    are there), 130 if interrupted (what is finished is kept).

    Raises:
        ValueError: before any cell runs, if a picture cannot be used or nothing can be
            written into the folder.
    """
    inputs = load_all(study)
    check_writable(folder)
    with quiet_import():
        from tfstyle.studies.measures import Yardstick
    build = remembering_networks()
    yardstick = Yardstick(build)
    progress = StudyProgress(len(study.cells))
    rows: list[Row] = []
    try:
        for cell, pictures in zip(study.cells, inputs, strict=True):
            run = folder / cell.folder
            progress.begin(len(rows), cell)
            row = run_cell(cell, pictures, run, progress.watch, build)
            if row["stopped"] == "interrupted":
                break
            rows.append({**row, **measure(yardstick, cell, pictures, run, row)})
            write_table(folder / TABLE, rows, MEASURES)
    finally:
        progress.close()
        if rows:
            save_image(folder / SHEET, draw(study, inputs, folder, rows))
    return report(study, folder, rows)


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
            name = f"{cell.row} {cell.column}".strip()
            raise ValueError(f"{name}: {error}") from error
    return inputs


def run_cell(
    cell: Cell, inputs: Inputs, folder: Path, watch: Observer, build: "Build"
) -> Row:
    """Run a cell, or keep what an earlier study has of it; return its table row."""
    row: Row = {"row": cell.row, "column": cell.column, **cell.keys}
    try:
        record = run_or_keep(cell.config, inputs, folder, watch, build)
    except (RunError, ValueError) as error:
        return {**row, "stopped": "failed", "error": str(error)}
    seconds = record["seconds"]["optimising"]
    done = {"steps": record["steps"], "seconds": seconds, **record["losses"]}
    return {**row, **done, "stopped": record["stopped"]}


def measure(
    yardstick: "Yardstick", cell: Cell, inputs: Inputs, folder: Path, row: Row
) -> Row:
    """Measure the saved picture of a cell that has one."""
    if row["stopped"] == "failed":
        return {}
    return yardstick(cell.config, inputs, load_result(folder))


def draw(
    study: Study, inputs: Sequence[Inputs], folder: Path, rows: Sequence[Row]
) -> Picture:
    """Return the sheet: in front of each row the pictures it is made of."""
    across = len(study.columns)
    starts = range(0, len(rows), across)
    made_of = [sources(study.cells[i : i + across], inputs[i]) for i in starts]
    titles = list(dict.fromkeys(title for found in made_of for title in found))
    above: dict[str, Any] = {}
    tiles = []
    for first, found in zip(starts, made_of, strict=True):
        line = [
            Tile(thumbnail(found[title]))
            if title in found and found[title] is not above.get(title)
            else Tile("")  # it stands above already
            for title in titles
        ]
        above.update(found)
        for i in range(first, first + across):
            done = i < len(rows)
            run = folder / study.cells[i].folder
            line.append(draw_cell(study, run, rows[i]) if done else Tile(""))
        tiles.append(line)
    names = [*study.rows[: len(tiles)]]
    if over := heading(inputs[:across]):
        names.insert(0, "")
        tiles.insert(0, [*[Tile("")] * len(titles), *over])
    return contact_sheet(study.title, [*titles, *study.columns], names, tiles)


def sources(cells: Sequence[Cell], inputs: Inputs) -> dict[str, Picture]:
    """Return the pictures that all cells of a row are made of, by their titles."""
    configs = [cell.config for cell in cells]
    found = {}
    if any(c.objective.content_weight or c.init == "content" for c in configs):
        found["content"] = inputs.content
    if any(c.objective.style_weight or c.init == "style" for c in configs):
        for number, style in enumerate(inputs.styles):
            found[f"style {number + 1}" if number else "style"] = style
    if any(c.content.path != configs[0].content.path for c in configs):
        found.pop("content", None)
    paths = [[style.path for style in c.styles] for c in configs]
    if any(each != paths[0] for each in paths):
        found = {title: each for title, each in found.items() if title == "content"}
    return found


def heading(inputs: Sequence[Inputs]) -> list[Tile]:
    """Return what stands over the columns: the pictures in which they differ, if any.

    Args:
        inputs: of the cells of one row.
    """
    contents = [each.content for each in inputs]
    styles = [each.styles[0] for each in inputs if each.styles]
    for pictures in (contents, styles):
        if any(picture is not pictures[0] for picture in pictures):
            return [Tile(thumbnail(picture)) for picture in pictures]
    return []


def draw_cell(study: Study, folder: Path, row: Row) -> Tile:
    """Return a cell's picture, or why it has none."""
    if row["stopped"] == "failed":
        return Tile(f"failed: {row['error']}"[:160])
    if study.caption is None:
        return Tile(thumbnail(load_result(folder)))
    unit = {"psnr": " dB", "seconds": " s"}.get(study.caption, "")
    name = study.caption.replace("_", " ").replace("psnr", "PSNR")
    caption = f"{name} {row[study.caption]:.3g}{unit}"
    return Tile(thumbnail(load_result(folder)), caption)


class StudyProgress:
    """How far a study is, in one bar: the share of its cells that are done."""

    def __init__(self, cells: int) -> None:
        self._bar = Bar()
        self._began = time.perf_counter()
        self._cells, self._done = cells, 0
        self._title = ""

    def begin(self, number: int, cell: Cell) -> None:
        """Name the cell that begins, when `number` cells are done."""
        self._done, self._title = number, f"{cell.row} {cell.column}".strip()

    def watch(self, step: "Step") -> None:
        """Show a step of the cell."""
        share = (self._done + step.progress) / self._cells
        text = f"cell {self._done + 1}/{self._cells} ({self._title}): {describe(step)}"
        last = step.last and self._done + 1 == self._cells
        self._bar.show(share, time.perf_counter() - self._began, text, last)

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()


def report(study: Study, folder: Path, rows: Sequence[Row]) -> int:
    """Say how it ended; return the exit code."""
    if len(rows) < len(study.cells):
        complain(f"interrupted; the same command goes on with what is in {folder}")
        return 130
    print(folder / SHEET)
    failed = [row for row in rows if row["stopped"] == "failed"]
    for row in failed:
        name = f"{row['row']} {row['column']}".strip()
        complain(f"error: the cell {name} failed: {row['error']}")
    return 1 if failed else 0
