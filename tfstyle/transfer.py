"""Neural style transfer, told in the order in which it happens."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
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
from tfstyle.memory import Plan, Sizes, make_plan
from tfstyle.objective import Losses, Objective, measure_targets
from tfstyle.optimizers import Optimizer, make_optimizer
from tfstyle.pyramid import Scale, schedule
from tfstyle.replicas import all_replicas
from tfstyle.stage import AnyObjective, Stage, Step
from tfstyle.tiling import OnTile, TiledObjective


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
    limit = config.memory.max_megapixels
    inputs = Inputs(
        content=as_picture(content, limit),
        styles=[as_picture(each, limit) for each in styles],
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
    on_tile: OnTile | None = None,
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
        on_tile: where a size is computed in tiles, called after each of them; what it
            raises ends the run as it was after the last step.

    Raises:
        ValueError: if the weights cannot be used, or the memory is too small.
        FloatingPointError: if no step leads to finite losses.
    """
    device.prepare()
    all_replicas()  # before anything else is computed
    began = time.perf_counter() - (resume.seconds if resume else 0.0)
    precision = resume.precision if resume else choose_precision(config)
    limit = resume.limit_gib if resume else choose_limit(config)
    scales = schedule(config.pyramid, config.size)
    check_memory(config, inputs, scales[-1], precision, limit)
    network = (build := build or make_network)(config, precision)
    index, taken, count = resume_point(resume)
    stage = None
    while index < len(scales):
        stage = open_stage(
            network, config, inputs, scales, index, precision, limit, stage, on_tile
        )
        optimizer = stage.optimizer
        begin(stage.objective, optimizer, resume)
        if resume or count == 0:
            yield stage.report(taken, count, began)
            resume = None
        while taken < scales[index].steps and not optimizer.converged:
            optimizer.step()
            taken, count = taken + 1, count + 1
            yield stage.report(taken, count, began)
        if optimizer.converged and stage.retry:
            # Rounding may hide what is left to gain: finish where there is less of it.
            precision = "float32"
            network = build(config, precision)
        else:
            index, taken = index + 1, 0


def open_stage(
    network: keras.Model | None,
    config: StyleConfig,
    inputs: Inputs,
    scales: Sequence[Scale],
    index: int,
    precision: str,
    limit_gib: float,
    before: Stage | None,
    on_tile: OnTile | None,
) -> Stage:
    """Prepare one size: its objective, and an optimizer at the image so far."""
    scale = scales[index]
    plan = choose_plan(config, inputs, scale, precision, limit_gib)
    objective = make_objective(network, config, inputs, scale, precision, plan, on_tile)
    if before:
        image = enlarge(before.optimizer.image.numpy()[0], config, inputs, scale)
    else:
        image = start_image(config, inputs, scale)
    optimizer = make_optimizer(
        plan.optimizer, objective.value_and_gradient, to_tensor(image)
    )
    last = index == len(scales) - 1
    return Stage(
        scales=scales,
        index=index,
        precision=precision,
        objective=objective,
        optimizer=optimizer,
        plan=plan,
        limit_gib=limit_gib,
        retry=last and may_retry(config, inputs, scale, precision, plan, limit_gib),
    )


def begin(
    objective: AnyObjective, optimizer: Optimizer, resume: Checkpoint | None
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


def choose_precision(config: StyleConfig) -> str:
    """Return the precision to compute in: for "auto", the fastest good one here."""
    if config.precision != "auto":
        return config.precision
    fastest = device.fastest_precision()
    # Processes that share a run must agree.
    return fastest if all_replicas().least(fastest != "float32") else "float32"


def choose_limit(config: StyleConfig) -> float:
    """Return how much memory the run may take, in GiB."""
    return all_replicas().least(device.memory_limit_gib(config.memory.limit_gib))


def choose_plan(
    config: StyleConfig, inputs: Inputs, scale: Scale, precision: str, limit_gib: float
) -> Plan:
    """Choose how a size is computed within the memory; see `tfstyle.memory`.

    Raises:
        ValueError: if it does not fit.
    """
    styles = zip(config.styles, inputs.styles, strict=True)
    pictures = [inputs.content, *inputs.styles, inputs.start]
    sizes = Sizes(
        *size_at(scale, inputs.content),
        styles=tuple(size_at(scale, each, options.scale) for options, each in styles),
        originals=sum(each.nbytes for each in pictures if each is not None),
    )
    return make_plan(config, sizes, precision, limit_gib, all_replicas().count)


def check_memory(
    config: StyleConfig, inputs: Inputs, scale: Scale, precision: str, limit_gib: float
) -> None:
    """Warn if a size fits only with another optimizer, or with a shorter history.

    Raises:
        ValueError: if it does not fit at all.
    """
    plan = choose_plan(config, inputs, scale, precision, limit_gib)
    asked, found = config.optimizer, plan.optimizer
    if (found.name, found.history) != (asked.name, asked.history):
        warnings.warn(
            f"{limit_gib:.1f} GiB of memory leave room only for {plan}; "
            "for what the config asks, raise memory.limit_gib or lower the size",
            RuntimeWarning,
            stacklevel=2,
        )


def may_retry(
    config: StyleConfig,
    inputs: Inputs,
    scale: Scale,
    precision: str,
    plan: Plan,
    limit_gib: float,
) -> bool:
    """Return whether a size that converged may go on in float32, by the same plan."""
    if config.precision != "auto" or precision == "float32" or plan.tile:
        return False
    try:
        again = choose_plan(config, inputs, scale, "float32", limit_gib)
    except ValueError:
        return False
    return (again.tile, again.optimizer) == (None, plan.optimizer)


Build = Callable[[StyleConfig, str], keras.Model | None]
"""A config and a precision to the network, as `make_network`."""


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
    config: StyleConfig,
    inputs: Inputs,
    scale: Scale,
    precision: str,
    plan: Plan | None = None,
    on_tile: OnTile | None = None,
) -> AnyObjective:
    """Measure the targets at one size; every picture is resized from its original."""
    styles = (  # one at a time in memory
        (
            to_tensor(resize(picture, *size_at(scale, picture, options.scale))),
            options.weight,
        )
        for options, picture in zip(config.styles, inputs.styles, strict=True)
    )
    content = to_tensor(resize(inputs.content, *size_at(scale, inputs.content)))
    half = precision == "float16"
    if plan and plan.tile:
        return TiledObjective(
            network,
            config.objective,
            content,
            styles,
            plan.tile,
            half_precision=half,
            keep_content=plan.keep_content,
            replicas=all_replicas(),
            on_tile=on_tile,
        )
    targets = measure_targets(network, config.objective, content, styles)
    return Objective(network, config.objective, targets, half)


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
