"""Content against style, from one run: each strength goes on from the one before."""

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfstyle.config import StyleConfig
from tfstyle.config.objective import largest
from tfstyle.config.types import Weights
from tfstyle.engine.schedule import schedule
from tfstyle.images import Picture, fit_size, resize, save_film, to_uint8
from tfstyle.jobs.perform import load_result
from tfstyle.studies.study import Cell, Study, folder_name

FADE = 12  # frames from one picture to the next, at 20 a second
FRAME = 1024  # pixels of its long side, at most


def strength_study(
    config: StyleConfig, strengths: Sequence[float], steps: int
) -> Study:
    """Return a study of one row, from weak to strong, that costs little.

    The one nearest to 1 goes through all sizes, and each of the others goes on from the
    result of the one nearer to it, with a few steps at each size. With none at the
    coarse ones it would come nearer to its objective, but look like the first: what is
    bold or photographic is decided there.

    Args:
        config: of strength 1.
        strengths: factors of its `style_weight`.
        steps: of each of the others at the last size; at each coarser one twice as
            many, but no more than the config has there.

    Raises:
        ValueError: if the style has no weight.
    """
    if not largest(config.objective.style_weight):
        raise ValueError(
            "objective.style_weight is 0, so all strengths are the same; raise it"
        )
    goes_on = config.with_overrides({"pyramid": _few_steps(config, steps)})
    ordered = sorted(strengths)
    names = [folder_name(at, "strength", f"{s:g}") for at, s in enumerate(ordered)]
    first = min(range(len(ordered)), key=lambda at: abs(math.log(ordered[at])))
    cells = []
    for at, strength in enumerate(ordered):
        toward = at + (at < first) - (at > first)
        now = config if at == first else goes_on
        weight = _times(now.objective.style_weight, strength)
        now = now.with_overrides({"objective.style_weight": weight})
        after = None if at == first else names[toward]
        keys = {"strength": strength}
        cells.append(Cell("", f"{strength:g}", keys, now, names[at], after))
    return Study("", [""], [cell.column for cell in cells], cells, None)


def _few_steps(config: StyleConfig, steps: int) -> dict[str, Any]:
    """Return what changes in the pyramid of a run that goes on.

    All details, as the picture that it starts from has them at every size.
    """
    scales = schedule(config.pyramid, config.size)
    few = [2**finer * steps for finer in reversed(range(len(scales)))]
    most = [scale.steps for scale in scales]
    return {"steps": list(map(min, few, most)), "details": 1.0}


def write_strength_film(study: Study, folder: Path, path: Path) -> None:
    """Write a film in which each picture fades into the next, from weak to strong.

    Raises:
        ValueError, OSError: as `images.save_film`.
    """
    pictures = (_frame(load_result(folder / cell.folder)) for cell in study.cells)
    save_film(path, [*_faded(pictures)])


def _frame(picture: Picture) -> Picture:
    height, width, _ = picture.shape
    return resize(picture, *fit_size(height, width, min(FRAME, max(height, width))))


def _faded(pictures: Iterator[Picture]) -> Iterator[npt.NDArray[np.uint8]]:
    last = None
    for one, other in itertools.pairwise(pictures):
        for at in range(FADE):
            yield to_uint8(one + np.float32(at / FADE) * (other - one))
        last = other
    if last is not None:
        yield to_uint8(last)


def _times(weight: Weights, factor: float) -> Weights:
    if isinstance(weight, list):
        return [each * factor for each in weight]
    return weight * factor
