"""Coarse to fine: the sizes that a run passes through, and the steps it takes at each.

Style transfer at a small size settles the composition in cheap steps, and each finer
size adds detail to it. Every run starts at the same coarsest size, whatever its final
one, so a small preview shows what the large render will be.
"""

import math
from dataclasses import dataclass

from tfstyle.config import schema as config


@dataclass(frozen=True)
class Scale:
    """One size of the schedule: its long side in pixels and its number of steps."""

    size: int
    steps: int
    index: int = 0  # of the schedule, from the coarsest


def schedule(options: config.Pyramid, size: int) -> list[Scale]:
    """Return the scales from the coarsest to `size`, growing by at most 2 each time.

    The long sides are a geometric sequence from `options.min_size` to `size`. Without
    a `min_size`, or with one of at least `size`, there is a single scale. Steps are
    counted from the coarsest; a list that is too short repeats its last entry.

    >>> from tfstyle.config import Pyramid
    >>> [scale.size for scale in schedule(Pyramid(min_size=128, steps=[9]), 512)]
    [128, 256, 512]
    """
    coarsest = min(options.min_size or size, size)
    doublings = math.ceil(math.log2(size / coarsest))
    sizes = [
        round(coarsest * (size / coarsest) ** (i / max(doublings, 1)))
        for i in range(doublings)
    ]
    steps = options.steps
    return [
        Scale(each, steps[min(i, len(steps) - 1)], i)
        for i, each in enumerate([*sizes, size])
    ]
