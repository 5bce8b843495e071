"""One size of a run under way, and what can be said of it after each step."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfstyle.config.schema import StyleConfig
from tfstyle.engine.context import Setting
from tfstyle.engine.inputs import Picture, size_at
from tfstyle.engine.plan import Plan
from tfstyle.engine.schedule import Scale
from tfstyle.engine.start import enlarge, start_image
from tfstyle.images import resize
from tfstyle.objective.tiled import OnTile, TiledObjective
from tfstyle.objective.whole import Losses, Objective, measure_targets
from tfstyle.optimizers.lbfgs import Optimizer, make_optimizer
from tfstyle.runs.checkpoint import Checkpoint
from tfstyle.system.replicas import all_replicas
from tfstyle.vgg.extractor import vgg19

AnyObjective = Objective | TiledObjective
Build = Callable[[StyleConfig, str], keras.Model | None]
"""A config and a precision to the network, as `make_network`."""


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

    setting: Setting
    index: int  # of the scale
    plan: Plan
    objective: AnyObjective
    optimizer: Optimizer
    retry: bool  # in float32, if it converges in less

    def begin(self, resume: Checkpoint | None) -> None:
        """Evaluate the start, or restore where a run stood.

        Raises:
            ValueError: if the objective is no finite number at the start.
        """
        if resume:
            self.objective.loss_scale.assign(resume.loss_scale)
            self.optimizer.restore(resume.optimizer)
            return
        self.optimizer.start()
        losses = self.optimizer.losses
        if not np.isfinite(float(losses.total)):
            raise ValueError(
                f"the objective is {float(losses.total)} at the start (content "
                f"{float(losses.content):g}, style {float(losses.style):g}, variation "
                f"{float(losses.variation):g}); lower the weights in objective"
            )

    def report(self, taken: int, count: int, began: float) -> Step:
        """Return what it looks like after a step.

        Args:
            taken: steps at this size.
            count: steps in all.
            began: when the run did, by time.perf_counter.
        """
        optimizer, index = self.optimizer, self.index
        scales, work = self.setting.scales, self.setting.work
        done = sum(work[:index]) + taken / scales[index].steps * work[index]
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
            precision=self.setting.precision,
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
            precision=self.setting.precision,
            limit_gib=self.setting.limit_gib,
            loss_scale=float(self.objective.loss_scale),
            optimizer=self.optimizer.state(),
        )


def open_stage(
    network: keras.Model | None,
    setting: Setting,
    index: int,
    before: Stage | None,
    on_tile: OnTile | None,
) -> Stage:
    """Prepare one size: its objective, and an optimizer at the image so far."""
    config, inputs, scale = setting.config, setting.inputs, setting.scales[index]
    plan = setting.plan(scale)
    objective = make_objective(network, setting, scale, plan, on_tile)
    if before:
        image = enlarge(before.optimizer.image.numpy()[0], config, inputs, scale)
    else:
        image = start_image(config, inputs, scale)
    optimizer = make_optimizer(
        plan.optimizer, objective.value_and_gradient, to_tensor(image)
    )
    return Stage(
        setting=setting,
        index=index,
        plan=plan,
        objective=objective,
        optimizer=optimizer,
        retry=scale == setting.scales[-1] and setting.may_retry(scale, plan),
    )


def make_network(config: StyleConfig, precision: str) -> keras.Model | None:
    """Build the network for the layers that have a weight; None if none has."""
    layers, options = config.objective.layers, config.extractor
    if not layers:
        return None
    with all_replicas().strategy.scope():
        return vgg19(
            layers, options.weights, options.pooling, options.normalized, precision
        )


def make_objective(
    network: keras.Model | None,
    setting: Setting,
    scale: Scale,
    plan: Plan,
    on_tile: OnTile | None = None,
) -> AnyObjective:
    """Measure the targets at one size; every picture is resized from its original."""
    options, inputs = setting.config.objective, setting.inputs
    styles = (  # one at a time in memory
        (
            to_tensor(resize(picture, *size_at(scale, picture, each.scale))),
            each.weight,
        )
        for each, picture in zip(setting.config.styles, inputs.styles, strict=True)
    )
    content = to_tensor(resize(inputs.content, *size_at(scale, inputs.content)))
    half = setting.precision == "float16"
    if plan.tile:
        return TiledObjective(
            network,
            options,
            content,
            styles,
            plan.tile,
            half_precision=half,
            keep_content=plan.keep_content,
            replicas=all_replicas(),
            on_tile=on_tile,
        )
    targets = measure_targets(network, options, content, styles)
    return Objective(network, options, targets, half)


def to_tensor(picture: Picture) -> tf.Tensor:
    """Return (1, height, width, 3) on TensorFlow's device."""
    return tf.constant(picture[None], tf.float32)
