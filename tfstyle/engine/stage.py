"""One size of a run under way, and what can be said of it after each step."""

import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfstyle.engine.context import Context
from tfstyle.engine.kept import Kept, to_tensor
from tfstyle.engine.parametrization import Parametrization, make_parametrization
from tfstyle.engine.plan import Plan
from tfstyle.engine.start import enlarge, start_image
from tfstyle.engine.state import Losses, State, Step
from tfstyle.images import Picture
from tfstyle.objective.base import Objective
from tfstyle.objective.tiled import OnTile
from tfstyle.optimizers import Optimizer, make_optimizer


@dataclass(frozen=True)
class Stage:
    """One scale of a run under way, and what can be said of it."""

    context: Context
    index: int  # of the scale
    plan: Plan
    objective: Objective
    parametrization: Parametrization
    optimizer: Optimizer  # of the parametrization's x
    retry: bool  # in float32, if it converges in less with steps left

    @property
    def steps(self) -> int:
        """The most that are taken at this scale."""
        return self.context.scales[self.index].steps

    @property
    def losses(self) -> Losses:
        """Of the image as it is, by name."""
        values = map(float, self.optimizer.losses)
        return dict(zip(self.objective.names, values, strict=True))

    @property
    def seen(self) -> Picture:
        """The image as it is, as the objective looks at it."""
        picture: Picture = self.parametrization.seen(self.optimizer.image).numpy()[0]
        return picture

    def begin(self, state: State | None) -> None:
        """Evaluate the start, or restore where a run stood.

        Raises:
            ValueError: if the objective is NaN or infinity at the start.
        """
        if state:
            self.objective.loss_scale.assign(state.loss_scale)
            self.optimizer.restore(state.optimizer)
            return
        self.optimizer.start()
        total, *groups = self.losses.items()
        if not np.isfinite(total[1]):
            of_groups = ", ".join(f"{name} {value:g}" for name, value in groups)
            raise ValueError(
                f"the objective is {total[1]} at the start ({of_groups}); lower the "
                "weights in objective"
            )

    def goes_on_in_float32(self, taken: int) -> bool:
        """Return whether the steps that are left are taken in float32."""
        return self.retry and self.optimizer.converged and taken < self.steps

    def report(self, taken: int, count: int, began: float) -> Step:
        """Return what it looks like after a step.

        Args:
            taken: steps at this size.
            count: steps in all.
            began: when the run did, by time.perf_counter.
        """
        optimizer, index = self.optimizer, self.index
        scales, work = self.context.scales, self.context.work
        done = sum(work[:index]) + taken / self.steps * work[index]
        _, height, width, _ = optimizer.image.shape
        converged = optimizer.converged and not self.goes_on_in_float32(taken)
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
            precision=self.context.precision,
            plan=self.plan,
            losses=self.losses,
            converged=converged,
            last=index == len(scales) - 1 and (converged or taken == self.steps),
            image=lambda: self.parametrization.image(optimizer.image),
            state=lambda: self.state(taken, count, seconds, stood),
        )

    def state(self, taken: int, count: int, seconds: float, stood: int) -> State:
        """Return the state; `stood` is the optimizer's count as of `taken` steps."""
        # An interrupt may come after a step and before its report.
        ahead = self.optimizer.steps - stood
        return State(
            scale=self.index,
            scale_step=taken + ahead,
            step=count + ahead,
            seconds=seconds,
            precision=self.context.precision,
            limit_gib=self.context.limit_gib,
            loss_scale=float(self.objective.loss_scale),
            optimizer=self.optimizer.state(),
        )


def open_stage(
    kept: Kept,
    context: Context,
    index: int,
    before: Stage | None,
    on_tile: OnTile | None,
) -> Stage:
    """Prepare one size: its objective, and an optimizer at the image so far."""
    scale = context.scales[index]
    plan, scaled = context.plan(scale), context.scaled(scale)
    objective = kept.objective(context, scale, plan, on_tile, scaled)
    picture = enlarge(before.seen, scaled) if before else start_image(scaled)
    parametrization = make_parametrization(scaled)

    def value_and_gradient(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        losses, gradient = objective.value_and_gradient(parametrization.seen(x))
        return losses, parametrization.gradient(x, gradient)

    x = to_tensor(parametrization.start(picture))
    optimizer = make_optimizer(plan.optimizer, value_and_gradient, x)
    return Stage(
        context=context,
        index=index,
        plan=plan,
        objective=objective,
        parametrization=parametrization,
        optimizer=optimizer,
        retry=scale == context.scales[-1] and context.may_retry(scale, plan),
    )
