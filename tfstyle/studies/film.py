"""The optimisation to look at: x_1, x_2, x_3 ... x_n as a strip, beside its film."""

from pathlib import Path
from typing import TYPE_CHECKING

from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.schedule import schedule
from tfstyle.images import save_image
from tfstyle.runs.observers import Progress
from tfstyle.studies.runs import is_done, run_or_resume
from tfstyle.studies.sheet import Tile, contact_sheet, thumbnail
from tfstyle.studies.table import write_table

if TYPE_CHECKING:
    from tfstyle.engine.stage import Step

FRAMES = (0, 4, 8, 16, 32)  # steps on the strip, before the ends of the sizes
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
        RunError: if it fails on the way.
        KeyboardInterrupt: if it was interrupted; it goes on next time.
    """
    run, sheet = folder / "run", folder / "sheet.png"
    film = run / f"film.{config.output.film}"
    if not (is_done(config, inputs, run) and film.exists() and sheet.exists()):
        strip = Strip(config)
        if run_or_resume(config, inputs, run, strip) == "interrupted":
            raise KeyboardInterrupt
        strip.save(folder)
    return [sheet, film]


class Strip:
    """An observer that keeps a few pictures of a run, more of its beginning."""

    def __init__(self, config: StyleConfig) -> None:
        self._progress = Progress()
        self.close = self._progress.close
        self._tiles: list[Tile] = []
        self._rows: list[dict[str, float]] = []
        steps, self._steps = 0, set(FRAMES)
        for scale in schedule(config.pyramid, config.size):
            steps += scale.steps
            self._steps.add(steps)

    def __call__(self, step: "Step") -> None:
        self._progress(step)
        if step.step in self._steps or step.last:
            caption = f"step {step.step}, {step.width} x {step.height} px"
            self._tiles.append(Tile(thumbnail(step.image(), WIDTH), caption))
            row = {"step": step.step, "seconds": step.seconds}
            self._rows.append({**row, **step.losses._asdict()})

    def save(self, folder: Path) -> None:
        """Write the strip and its losses."""
        names = [f"x_{number}" for number in range(1, len(self._tiles))]
        titles = [*names, "x_n"]
        sheet = contact_sheet("", titles, [""], [self._tiles], WIDTH)
        save_image(folder / "sheet.png", sheet)
        write_table(folder / "results.csv", self._rows)
