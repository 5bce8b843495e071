"""Where a film is cut: each shot is painted by itself.

At a cut every frame just before differs from every frame just after. A flash or a
passing hand has frames alike on both sides, and a pan has many differences as large.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

# Chosen on pans, flashes and fades; cuts between photographs have 0.2 to 0.6.
REACH = 4  # frames before and after that are compared: a shot has no fewer
AROUND = 8  # frames at each side whose differences are those of what moves
LEAST, TIMES = 0.08, 2.5  # of a cut, in [0, 1], and over the usual around it
BINS = 32

Grey = npt.NDArray[np.uint8]


def find_shots(frames: Iterable[Grey]) -> list[range]:
    """Return the shots of a film: the numbers of their frames, from 0 on.

    Args:
        frames: small ones in grey, (height, width), all of one size.
    """
    gaps = _gaps(frames)
    first = [0, *(t for t in range(1, len(gaps)) if _is_cut(gaps, t))]
    return [range(a, b) for a, b in zip(first, [*first[1:], len(gaps)], strict=True)]


def difference(one: Grey, other: Grey) -> float:
    """Return how unlike two frames are, in [0, 1]: in place, and in their histograms.

    The geometric mean of both: a pan changes the first alone, a fade little of each.
    """
    in_place = np.abs(one.astype(np.float32) - other).mean() / 255
    counts = [np.bincount(each.ravel() >> 3, minlength=BINS) for each in (one, other)]
    histograms = np.abs(counts[0] - counts[1]).sum() / (2 * one.size)
    return float(np.sqrt(in_place * histograms))


def _gaps(frames: Iterable[Grey]) -> list[float]:
    """Return for each frame the least difference between those before and after.

    That is, between any of the `REACH` frames before it and any of as many from it on.
    """
    gaps: list[float] = []
    recent: deque[tuple[int, Grey]] = deque(maxlen=2 * REACH - 1)
    for after, frame in enumerate(frames):
        gaps.append(np.inf if after else 0.0)
        for before, earlier in recent:
            gap = difference(earlier, frame)
            for t in range(max(before + 1, after - REACH + 1), after + 1):
                if t - before <= REACH:
                    gaps[t] = min(gaps[t], gap)
        recent.append((after, frame))
    return gaps


def _is_cut(gaps: list[float], t: int) -> bool:
    sides = gaps[max(1, t - AROUND) : t], gaps[t + 1 : t + 1 + AROUND]
    # Of both sides, as a camera may begin to move at once.
    usual = max((float(np.median(side)) for side in sides if side), default=0.0)
    return gaps[t] > max(LEAST, TIMES * usual)
