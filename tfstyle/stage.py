"""One size of a run under way, and what can be said of it after each step."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfstyle.checkpoint import Checkpoint
from tfstyle.inputs import Picture
from tfstyle.memory import Plan
from tfstyle.objective import Losses, Objective
from tfstyle.optimizers import Optimizer
from tfstyle.pyramid import Scale
from tfstyle.tiling import TiledObjective

AnyObjective = Objective | TiledObjective


@dataclass(frozen=True)
class Step:
    """What a run looks like after one step; step 0 is the start.

    `image` and `checkpoint` fetch the state from the device when they are called: call
    them before the run goes on.
    """

    step: int
    scale: int  # index of the current scale, from 0
    scales: int
    height: int
    width: int
    seconds: float
    progress: float  # share of the whole run's work that is done, 0 to 1
    precision: str  # that the network computes in
    plan: Plan  # how this size is made to fit the memory
    losses: Losses  # of this very image, as floats
    converged: bool  # this scale ends here, before its steps are used up
    last: bool  # the run ends with this step
    image: Callable[[], Picture]
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True)
class Stage:
    """One scale of a run under way, and what can be said of it."""

    scales: Sequence[Scale]
    index: int  # of the scale
    precision: str
    objective: AnyObjective
    optimizer: Optimizer
    plan: Plan
    limit_gib: float  # of memory, for the whole run
    retry: bool  # in float32, if it converges in less

    def report(self, taken: int, count: int, began: float) -> Step:
        """Return what it looks like after a step.

        Args:
            taken: steps at this size.
            count: steps in all.
            began: when the run did, by time.perf_counter.
        """
        optimizer, index, scales = self.optimizer, self.index, self.scales
        work = [scale.steps * scale.size**2 for scale in scales]
        done = sum(work[:index]) + taken * scales[index].size ** 2
        _, height, width, _ = optimizer.image.shape
        converged = optimizer.converged and not self.retry
        ends = converged or taken == scales[index].steps
        seconds = time.perf_counter() - began
        stood = optimizer.steps
        return Step(
            step=count,
            scale=index,
            scales=len(scales),
            height=height,
            width=width,
            seconds=seconds,
            progress=done / sum(work),
            precision=self.precision,
            plan=self.plan,
            losses=Losses(*(float(value) for value in optimizer.losses)),
            converged=converged,
            last=index == len(scales) - 1 and ends,
            image=lambda: optimizer.image.numpy()[0],
            checkpoint=lambda: self.checkpoint(taken, count, seconds, stood),
        )

    def checkpoint(
        self, taken: int, count: int, seconds: float, stood: int
    ) -> Checkpoint:
        """Return the state; `stood` is the optimizer's count as of `taken` steps."""
        # An interrupt may come after a step and before its report.
        ahead = self.optimizer.steps - stood
        return Checkpoint(
            scale=self.index,
            scale_step=taken + ahead,
            step=count + ahead,
            seconds=seconds,
            precision=self.precision,
            limit_gib=self.limit_gib,
            loss_scale=float(self.objective.loss_scale),
            optimizer=self.optimizer.state(),
        )
