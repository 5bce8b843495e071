"""The sheet of a study: its results in a grid, beside the pictures they are made of."""

from collections.abc import Sequence
from pathlib import Path

from tfstyle.engine.inputs import Inputs
from tfstyle.images import Picture
from tfstyle.jobs.perform import load_result
from tfstyle.studies.outcome import CellOutcome
from tfstyle.studies.sheet import Tile, contact_sheet, thumbnail
from tfstyle.studies.study import Cell, Study
from tfstyle.studies.table import union

NOTHING = Tile("")


def draw_study(
    study: Study,
    inputs: Sequence[Inputs],
    folder: Path,
    outcomes: Sequence[CellOutcome | None],
) -> Picture:
    """Return the sheet: in front of each row the pictures it is made of.

    Args:
        study: its grid.
        inputs: the pictures of each cell.
        folder: of the study.
        outcomes: of the cells; None for those that are not done.
    """
    across = len(study.columns)
    cells = [at for at, outcome in enumerate(outcomes) if outcome]
    starts = range(0, max(cells, default=-1) + 1, across)
    made_of = [sources(study.cells[i : i + across], inputs[i]) for i in starts]
    titles = union(made_of)
    lines = source_tiles(made_of, titles)
    for first, line in zip(starts, lines, strict=True):
        done = outcomes[first : first + across]
        line += [draw_cell(study, folder, each) if each else NOTHING for each in done]
        line += [NOTHING] * (across - len(done))
    names = [*study.rows[: len(lines)]]
    if over := heading(inputs[:across]):
        names.insert(0, "")
        lines.insert(0, [*[NOTHING] * len(titles), *over])
    return contact_sheet(study.title, [*titles, *study.columns], names, lines)


def sources(cells: Sequence[Cell], inputs: Inputs) -> dict[str, Picture]:
    """Return the pictures that all cells of a row are made of, by their titles."""
    configs = [cell.config for cell in cells]
    same_content = len({config.content.path for config in configs}) == 1
    styles = {tuple(style.path for style in config.styles) for config in configs}
    found = {}
    if same_content and any(
        each.objective.active_content or each.init == "content" for each in configs
    ):
        found["content"] = inputs.content
    if len(styles) == 1 and any(
        each.objective.needs_style or each.init == "style" for each in configs
    ):
        for number, style in enumerate(inputs.styles):
            found[f"style {number + 1}" if number else "style"] = style
    return found


def source_tiles(
    made_of: Sequence[dict[str, Picture]], titles: Sequence[str]
) -> list[list[Tile]]:
    """Return what stands in front of each row; not again what stands above already."""
    above: dict[str, Picture] = {}
    lines = []
    for found in made_of:
        new = {
            title: picture
            for title, picture in found.items()
            if picture is not above.get(title)
        }
        tiles = {title: Tile(thumbnail(picture)) for title, picture in new.items()}
        lines.append([tiles.get(title, NOTHING) for title in titles])
        above.update(new)
    return lines


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


def draw_cell(study: Study, folder: Path, outcome: CellOutcome) -> Tile:
    """Return a cell's picture, or why it has none."""
    if outcome.failed:
        return Tile(f"failed: {outcome.error}"[:160])
    picture = thumbnail(load_result(folder / outcome.cell.folder))
    return Tile(picture, caption(study.caption, outcome))


def caption(measure: str | None, outcome: CellOutcome) -> str:
    """Return the words under a cell, such as "PSNR 20.1 dB"."""
    if measure is None:
        return ""
    name = measure.replace("_", " ").replace("psnr", "PSNR")
    if measure not in outcome.row:
        return f"{name} not measured"
    unit = {"psnr": " dB", "seconds": " s", "stroke_size": " px"}.get(measure, "")
    return f"{name} {outcome.row[measure]:.3g}{unit}"
