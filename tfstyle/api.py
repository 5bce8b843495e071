"""The front door: `stylize` for people, `transfer` for what watches a run.

Nothing is written here; `tfstyle.runs` does that, on top of `transfer`.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfstyle.config import StyleConfig
from tfstyle.engine.checks import check_inputs
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.state import Losses, State, Step
from tfstyle.images import Picture, as_picture, load_mask, load_masks
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept


class Stop(Exception):  # noqa: N818  # no error, as StopIteration is none
    """Raised by a callback of `stylize` to end the run and keep the result so far."""


@dataclass(frozen=True)
class Result:
    """What a transfer ends with."""

    image: Picture  # (height, width, 3), RGB, float32, in [0, 1]
    losses: Losses  # of that image: total, content, style, variation
    steps: int
    seconds: float


def stylize(
    content: Picture | str | os.PathLike[str],
    style: Picture | str | os.PathLike[str] | Sequence[Any],
    *,
    on_step: Callable[[Step], object] | None = None,
    **overrides: Any,
) -> Result:
    """Paint `content` in the style of `style`.

    >>> result = stylize("photo.jpg", "painting.jpg", size=256)    # doctest: +SKIP
    >>> save_image("styled.png", result.image)                     # doctest: +SKIP

    Args:
        content: a path, or an array (height, width, 3), RGB, float32, in [0, 1].
        style: the same, or a list of several.
        on_step: called with each `Step` as it is done; may raise `Stop`.
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
        start=None if config.starts_by_name else as_picture(config.init, limit),
        palette=as_picture(config.palette, limit) if config.palette else None,
        mask=load_mask(config.keep.mask, limit) if config.keep.mask else None,
        style_masks=load_masks([each.mask for each in config.styles], limit),
        source_masks=load_masks([each.style_mask for each in config.styles], limit),
    )
    check_inputs(config, inputs)
    with contextlib.closing(transfer(config, inputs)) as steps:
        for step in steps:
            try:
                if on_step is not None:
                    on_step(step)
            except Stop:
                break
        return Result(step.image(), step.losses, step.step, step.seconds)


def transfer(
    config: StyleConfig,
    inputs: Inputs,
    state: State | None = None,
    kept: "Kept | None" = None,
    on_tile: Callable[[int, int], object] | None = None,
) -> Generator[Step, None, None]:
    """Run the optimization and yield a `Step` after each of its steps.

    TensorFlow is set up for the run only while a step is taken; see `prepared`.

    Args:
        config: all options.
        inputs: the pictures, checked.
        state: where to go on, from `Step.state` of an earlier run.
        kept: what runs have in common; by default that of all runs of this process.
        on_tile: called with the tiles done and to do, where a size needs tiles.

    Raises:
        ValueError: if TensorFlow or the weights cannot be used, or memory is too small.
        FloatingPointError: if no step leads to finite losses.
    """
    require_tensorflow()
    from tfstyle.engine.loop import optimize

    kept = kept or _shared()
    steps = optimize(config, inputs, state, kept, on_tile)
    try:
        while True:
            with prepared():  # not while a step is looked at, which is up to others
                step = next(steps, None)
            if step is None:
                return
            yield step
    finally:
        steps.close()
        kept.trim()


@functools.cache
def _shared() -> "Kept":
    from tfstyle.engine.kept import Kept

    return Kept()
