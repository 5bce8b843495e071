"""Content against style, from one run: each strength goes on from the one before."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfstyle.config import StyleConfig
from tfstyle.config.types import Weights
from tfstyle.engine.schedule import schedule
from tfstyle.images import save_film, to_uint8
from tfstyle.jobs.perform import load_result
from tfstyle.studies.study import Cell, Study, folder_name

FADE = 12  # frames from one picture to the next, at 20 a second


def strength_study(
    config: StyleConfig, strengths: Sequence[float], steps: int
) -> Study:
    """Return a study of one row, from weak to strong, that costs little.

    The one in the middle goes through all sizes, and each of the others goes on from
    the result of the one nearer to it, with a few steps at each size. With none at the
    coarse ones it would come nearer to its objective, but look like the one in the
    middle: what is bold or photographic is decided there.

    Args:
        config: of strength 1.
        strengths: factors of its `style_weight`.
        steps: of each of the others at the last size; at each coarser one twice as
            many.
    """
    sizes = len(schedule(config.pyramid, config.size))
    each = [2**finer * steps for finer in reversed(range(sizes))]
    # All details: the picture that it starts from has them at every size.
    goes_on = {
        "pyramid": {"steps": each, "details": 1.0},
    }
    ordered = sorted(strengths)
    names = [folder_name(at, "strength", f"{s:g}") for at, s in enumerate(ordered)]
    middle, cells = len(ordered) // 2, []
    for at, strength in enumerate(ordered):
        toward = at + (at < middle) - (at > middle)
        now = config if at == middle else config.with_overrides(goes_on)
        weight = _times(now.objective.style_weight, strength)
        now = now.with_overrides({"objective.style_weight": weight})
        after = None if at == middle else names[toward]
        keys = {"strength": strength}
        cells.append(Cell("", f"{strength:g}", keys, now, names[at], after))
    return Study("", [""], [cell.column for cell in cells], cells, None)


def write_strength_film(study: Study, folder: Path, path: Path) -> None:
    """Write a film in which each picture fades into the next, from weak to strong.

    Raises:
        ValueError, OSError: as `images.save_film`.
    """
    pictures = [load_result(folder / cell.folder) for cell in study.cells]
    frames = [
        to_uint8(one + np.float32(at / FADE) * (other - one))
        for one, other in itertools.pairwise(pictures)
        for at in range(FADE)
    ]
    save_film(path, [*frames, to_uint8(pictures[-1])])


def _times(weight: Weights, factor: float) -> Weights:
    if isinstance(weight, list):
        return [each * factor for each in weight]
    return weight * factor
