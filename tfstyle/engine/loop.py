"""Neural style transfer, told in the order in which it happens."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfstyle.config.schema import StyleConfig
from tfstyle.engine.context import choose_setting
from tfstyle.engine.inputs import Inputs, Picture, as_picture, check_inputs, load_start
from tfstyle.engine.stage import Build, Step, make_network, open_stage
from tfstyle.objective.tiled import OnTile
from tfstyle.objective.whole import Losses
from tfstyle.runs.checkpoint import Checkpoint


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
            `objective={"style_weight": 30}`; dotted keys work with `**{...}`. Those of
            `output` say what the command line writes: nothing is written here.

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
    build: Build | None = None,
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
    setting = choose_setting(config, inputs, resume)
    began = time.perf_counter() - (resume.seconds if resume else 0.0)
    setting.check_memory()
    network = (build := build or make_network)(config, setting.precision)
    index, taken, count = resume_point(resume)
    stage = None
    while index < len(setting.scales):
        stage = open_stage(network, setting, index, stage, on_tile)
        stage.begin(resume)
        if resume or count == 0:
            yield stage.report(taken, count, began)
            resume = None
        while taken < setting.scales[index].steps and not stage.optimizer.converged:
            stage.optimizer.step()
            taken, count = taken + 1, count + 1
            yield stage.report(taken, count, began)
        if stage.optimizer.converged and stage.retry:
            # Rounding may hide what is left to gain: take the steps that are left
            # where there is less of it.
            setting = setting.in_float32()
            network = build(config, setting.precision)
        else:
            index, taken = index + 1, 0


def resume_point(resume: Checkpoint | None) -> tuple[int, int, int]:
    """Return the scale, the steps taken there, and the steps taken in all."""
    return (resume.scale, resume.scale_step, resume.step) if resume else (0, 0, 0)
