"""The optimization to look at: x_1, x_2, x_3 ... x_n as a strip, beside its film."""

from collections.abc import Callable
from pathlib import Path

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.schedule import schedule
from tfstyle.engine.state import Step
from tfstyle.images import load_image, save_image
from tfstyle.jobs.perform import is_done, run_or_resume
from tfstyle.runs.folder import LOG, film_name
from tfstyle.runs.frames import Frames, frame_files, remove_frames
from tfstyle.runs.observers import Observer, read_log
from tfstyle.runs.progress import Progress
from tfstyle.studies.sheet import Tile, contact_sheet
from tfstyle.studies.table import write_table

FIRST_STEPS = (0, 4, 8, 16, 32)  # on the strip, before the ends of the sizes
WIDTH = 240  # of a picture on it, pixels


def make_film(config: StyleConfig, inputs: Inputs, folder: Path) -> list[Path]:
    """Run a transfer, with a film and a strip of it.

    Args:
        config: of the transfer; `output.film` names the format.
        inputs: its pictures.
        folder: for sheet.png, results.csv and the run, which holds the film.

    Returns:
        The strip and the film.

    Raises:
        ValueError: if the run cannot begin.
        RunError: if it fails after that.
        KeyboardInterrupt: if it was interrupted; it goes on next time.
    """
    run, sheet, strip = folder / "run", folder / "sheet.png", folder / "strip"
    film = run / film_name(str(config.output.film))
    drawn = sheet.exists() or frame_files(strip)
    if not (drawn and is_done(config, inputs, run)):
        observers: list[Observer] = [Progress(), Frames(strip, on_strip(config), WIDTH)]
        if run_or_resume(config, inputs, run, observers) == "interrupted":
            raise KeyboardInterrupt
    if frame_files(strip):
        draw_strip(folder, strip, run / LOG)
        remove_frames(strip)
    return [sheet, film]


def on_strip(config: StyleConfig) -> Callable[[Step], bool]:
    """Choose a few steps of a run, more of its beginning."""
    count, steps = 0, set(FIRST_STEPS)
    for scale in schedule(config.pyramid, config.size):
        count += scale.steps
        steps.add(count)
    return lambda step: step.step in steps or step.last


def draw_strip(folder: Path, strip: Path, log: Path) -> None:
    """Write the strip, and the losses of its steps.

    Args:
        folder: for both.
        strip: the folder of the pictures.
        log: of the run.
    """
    files = frame_files(strip)
    rows = [row for row in read_log(log) if int(row["step"]) in files]
    tiles = [
        Tile(
            load_image(files[int(row["step"])]),
            f"step {row['step']}, {row['width']} x {row['height']} px",
        )
        for row in rows
    ]
    titles = [*(f"x_{number}" for number in range(1, len(tiles))), "x_n"]
    sheet = contact_sheet("", titles, [""], [tiles], WIDTH)
    save_image(folder / "sheet.png", sheet)
    place = ("scale", "height", "width")
    table = [
        {name: value for name, value in row.items() if name not in place}
        for row in rows
    ]
    write_table(folder / "results.csv", table)
