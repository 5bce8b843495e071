"""What a run would do, in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import FloatArray
from tfstyle.system.devices import device_name, prepared
from tfstyle.system.quiet import require_tensorflow

if TYPE_CHECKING:
    from tfstyle.engine.context import Context


def plan(config: StyleConfig, inputs: Inputs) -> str:
    """Say what a run would do: pictures, sizes, steps, memory, device, precision.

    Raises:
        ValueError: if it does not fit the memory.
    """
    require_tensorflow()
    with prepared():
        from tfstyle.engine.context import choose_context

        context = choose_context(config, inputs)
        context.check_memory()
        return "\n".join([*_pictures(context), *_scales(context), *_means(context)])


def _pictures(context: "Context") -> Iterator[str]:
    config, inputs = context.config, context.inputs
    yield f"content    {config.content.path} ({size_of(inputs.content)})"
    for style, picture in zip(config.styles, inputs.styles, strict=True):
        yield f"style      {style.path} ({size_of(picture)}), {style.weight:g}"
        if style.mask:
            yield f"  goes to  {style.mask}"
        if style.style_mask:
            yield f"  part     {style.style_mask}"
    if config.palette and inputs.palette is not None:
        yield f"palette    {config.palette} ({size_of(inputs.palette)})"
    if config.keep.mask and inputs.mask is not None:
        yield f"keep       {config.keep.mask} ({size_of(inputs.mask)})"


def _scales(context: "Context") -> Iterator[str]:
    for scale in context.scales:
        height, width = context.scaled(scale).size
        plan = context.plan(scale)
        yield f"scale      {width} x {height}, {scale.steps} steps, {plan}"


def _means(context: "Context") -> Iterator[str]:
    config, plan = context.config, context.plan(context.scales[-1])
    yield f"optimizer  {config.optimizer.name}"
    yield f"layers     {', '.join(config.objective.layers) or 'none'}"
    yield f"memory     about {plan.gib:.1f} GiB of {context.limit_gib:.1f} GiB"
    yield f"device     {device_name()}"
    yield f"precision  {context.precision}"


def size_of(picture: FloatArray) -> str:
    """Return "WIDTH x HEIGHT"."""
    height, width, _ = picture.shape
    return f"{width} x {height}"
