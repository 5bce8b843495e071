"""Neural style transfer, told in the order in which it happens."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle import device
from tfstyle.checkpoint import Checkpoint
from tfstyle.config import StyleConfig
from tfstyle.extractor import vgg19
from tfstyle.images import resize
from tfstyle.inputs import (
    Inputs,
    Picture,
    as_picture,
    check_inputs,
    cover,
    load_start,
    size_at,
)
from tfstyle.objective import Losses, Network, Objective, measure_targets
from tfstyle.optimizers import Optimizer, make_optimizer
from tfstyle.pyramid import Scale, schedule


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
    losses: Losses  # of this very image, as floats
    converged: bool  # this scale ends here, before its steps are used up
    last: bool  # the run ends with this step
    image: Callable[[], Picture]
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True)
class Result:
    """What a transfer ends with."""

    image: Picture  # (height, width, 3), RGB, float32, in [0, 1]
    losses: Losses  # of that image, as floats
    steps: int
    seconds: float


def stylize(
    content: Picture | str | os.PathLike[str],
    style: Picture | str | os.PathLike[str] | Sequence[Any],
    *,
    on_step: Callable[[Step], object] | None = None,
    **overrides: Any,
) -> Result:
    """Paint `content` in the manner of `style`.

    >>> result = stylize("photo.jpg", "painting.jpg", size=256)    # doctest: +SKIP
    >>> save_image("styled.png", result.image)                     # doctest: +SKIP

    Args:
        content: a path, or an array (height, width, 3), RGB, float32, in [0, 1].
        style: the same, or a list of several.
        on_step: called with each `Step` as it is done.
        **overrides: config keys, nested as in configs/default.yaml, such as
            `objective={"style_weight": 30}`; dotted keys work with `**{...}`.

    Raises:
        ValueError: for a bad option or picture, with the way out.
    """
    styles = list(style) if isinstance(style, list | tuple) else [style]
    config = StyleConfig().with_overrides({"styles": [{} for _ in styles], **overrides})
    inputs = Inputs(
        content=as_picture(content),
        styles=[as_picture(each) for each in styles],
        start=load_start(config),
    )
    check_inputs(config, inputs)
    for step in optimize(config, inputs):
        if on_step is not None:
            on_step(step)
    return finish(step)


def finish(step: Step) -> Result:
    """Return the result as of `step`."""
    return Result(step.image(), step.losses, step.step, step.seconds)


def optimize(
    config: StyleConfig,
    inputs: Inputs,
    resume: Checkpoint | None = None,
    build: "Build | None" = None,
) -> Iterator[Step]:
    """Run the optimisation and yield a `Step` after each of its steps.

    This is the one loop of tfstyle: whatever watches, records or stops a run iterates
    over it.

    Args:
        config: all options.
        inputs: the pictures.
        resume: where to go on, from `Step.checkpoint` of an earlier run; its step is
            yielded again.
        build: makes the network; several runs may share one that remembers.

    Raises:
        ValueError: if the weights cannot be used.
    """
    device.prepare()
    began = time.perf_counter() - (resume.seconds if resume else 0.0)
    precision = resume.precision if resume else choose_precision(config)
    network = (build := build or make_network)(config, precision)
    scales = schedule(config.pyramid, config.size)
    image = start_image(config, inputs, scales[0])
    index, taken, count = resume_point(resume)
    while index < len(scales):
        objective = make_objective(network, config, inputs, scales[index], precision)
        image = enlarge(image, config, inputs, scales[index])
        optimizer = make_optimizer(
            config.optimizer, objective.value_and_gradient, to_tensor(image)
        )
        may_retry = config.precision == "auto" and index == len(scales) - 1
        retry = may_retry and precision != "float32"
        stage = Stage(scales, index, precision, objective, optimizer, retry, began)
        begin(objective, optimizer, resume)
        if resume or count == 0:
            yield stage.report(taken, count)
            resume = None
        while taken < scales[index].steps and not optimizer.converged:
            optimizer.step()
            taken, count = taken + 1, count + 1
            yield stage.report(taken, count)
        image = optimizer.image.numpy()[0]
        if optimizer.converged and retry:
            # Rounding may hide what is left to gain: finish where there is less of it.
            precision = "float32"
            network = build(config, precision)
        else:
            index, taken = index + 1, 0


def begin(
    objective: Objective, optimizer: Optimizer, resume: Checkpoint | None
) -> None:
    """Evaluate the start, or restore where a run stood.

    Raises:
        ValueError: if the objective is no finite number at the start.
    """
    if resume:
        objective.loss_scale.assign(resume.loss_scale)
        optimizer.restore(resume.optimizer)
        return
    optimizer.start()
    losses = optimizer.losses
    if not np.isfinite(float(losses.total)):
        raise ValueError(
            f"the objective is {float(losses.total)} at the start (content "
            f"{float(losses.content):g}, style {float(losses.style):g}, variation "
            f"{float(losses.variation):g}); lower the weights in objective"
        )


def resume_point(resume: Checkpoint | None) -> tuple[int, int, int]:
    """Return the scale, the steps taken there, and the steps taken in all."""
    return (resume.scale, resume.scale_step, resume.step) if resume else (0, 0, 0)


@dataclass(frozen=True)
class Stage:
    """One scale of a run under way, and what can be said of it."""

    scales: Sequence[Scale]
    index: int  # of the scale
    precision: str
    objective: Objective
    optimizer: Optimizer
    retry: bool  # in float32, if it converges in less
    began: float  # the run, by time.perf_counter

    def report(self, taken: int, count: int) -> Step:
        """Return what it looks like after `taken` steps here and `count` in all."""
        optimizer, index, scales = self.optimizer, self.index, self.scales
        work = [scale.steps * scale.size**2 for scale in scales]
        done = sum(work[:index]) + taken * scales[index].size ** 2
        _, height, width, _ = optimizer.image.shape
        converged = optimizer.converged and not self.retry
        ends = converged or taken == scales[index].steps
        seconds = time.perf_counter() - self.began
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
            loss_scale=float(self.objective.loss_scale),
            optimizer=self.optimizer.state(),
        )


def choose_precision(config: StyleConfig) -> str:
    """Return the precision to compute in: for "auto", the fastest good one here."""
    if config.precision == "auto":
        return device.fastest_precision()
    return config.precision


Build = Callable[[StyleConfig, str], Network | None]
"""A config and a precision to the network, as `make_network`."""


def make_network(config: StyleConfig, precision: str) -> Network | None:
    """Build the network for the layers that have a weight; None if none has."""
    layers, options = config.objective.layers, config.extractor
    if not layers:
        return None
    network: Network = vgg19(
        layers, options.weights, options.pooling, options.normalized, precision
    )
    return network


def make_objective(
    network: Network | None,
    config: StyleConfig,
    inputs: Inputs,
    scale: Scale,
    precision: str,
) -> Objective:
    """Measure the targets at one size; every picture is resized from its original."""
    styles = []
    for options, picture in zip(config.styles, inputs.styles, strict=True):
        size = size_at(scale, picture, options.scale)
        styles.append((to_tensor(resize(picture, *size)), options.weight))
    content = to_tensor(resize(inputs.content, *size_at(scale, inputs.content)))
    targets = measure_targets(network, config.objective, content, styles)
    return Objective(network, config.objective, targets, precision == "float16")


def start_image(config: StyleConfig, inputs: Inputs, scale: Scale) -> Picture:
    """Return the picture that the pixels start from, by the config's `init`."""
    height, width = size_at(scale, inputs.content)
    if config.init == "content":
        return resize(inputs.content, height, width)
    if config.init == "noise":
        return noise(height, width, config.seed)
    start = inputs.styles[0] if config.init == "style" else inputs.start
    assert start is not None  # load_start read it
    return cover(start, height, width)


def enlarge(
    image: Picture, config: StyleConfig, inputs: Inputs, scale: Scale
) -> Picture:
    """Bring an image to the next scale, with the details that its start has there.

    A picture that is merely enlarged is blurred: details that it must have anyway, of
    the photograph it began with, spare the optimiser a share of its steps. White noise
    has no details worth having.
    """
    size = size_at(scale, inputs.content)
    if image.shape[:2] == size:
        return image
    enlarged = resize(image, *size)
    if config.init == "noise":
        return enlarged
    start = start_image(config, inputs, scale)
    blurred = resize(resize(start, *image.shape[:2]), *size)
    return np.clip(enlarged + (start - blurred), 0, 1).astype(np.float32)


def noise(height: int, width: int, seed: int) -> Picture:
    """Return white noise (height, width, 3), uniform in [0, 1]."""
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def to_tensor(picture: Picture) -> tf.Tensor:
    """Return (1, height, width, 3) on TensorFlow's device."""
    return tf.constant(picture[None], tf.float32)
