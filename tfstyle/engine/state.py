"""What is known of a run between two steps: to look at, and to go on from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tfstyle.engine.plan import Plan
from tfstyle.images import Picture

Losses = Mapping[str, float]
"""total, content, style, variation and whatever else an objective has, in this order.

`content` and `style` are sums over layers with the layers' weights; the total weights
them by `content_weight`, `style_weight` and `tv_weight`.
"""


@dataclass(frozen=True)
class State:
    """Where a run stands: all that it needs to go on to the same bytes."""

    scale: int  # index into the schedule
    scale_step: int  # steps taken at this scale
    step: int  # steps taken in all
    seconds: float  # spent so far
    precision: str  # that the network computes in
    limit_gib: float  # of memory, which decided how each size is computed
    loss_scale: float  # of the objective, where that is float16
    optimizer: dict[str, np.ndarray]  # includes what it moves


@dataclass(frozen=True)
class Step:
    """What a run looks like after one step; step 0 is the start.

    `image` and `state` fetch it from the device when they are called: call them before
    the run goes on.
    """

    step: int
    scale: int  # index of the current scale, from 0
    scales: int
    height: int
    width: int
    seconds: float
    progress: float  # fraction of the whole run's work that is done, 0 to 1
    precision: str  # that the network computes in
    plan: Plan  # how this size is made to fit the memory
    losses: Losses  # of this very image
    converged: bool  # this scale ends here, before its steps are used up
    last: bool  # the run ends with this step
    image: Callable[[], Picture]  # (height, width, 3), RGB, float32, in [0, 1]
    state: Callable[[], State]
