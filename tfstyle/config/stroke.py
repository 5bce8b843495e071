"""The knob `stroke`: how large strokes are, by the style's scale and its layers."""

import math
from collections.abc import Mapping

from tfstyle.config.objective import weight_at
from tfstyle.config.schema import StyleConfig
from tfstyle.config.types import Weights
from tfstyle.vgg.layers import layer

# Exponents, chosen by the measured size of strokes; see docs/controls.md. Weights move
# to shallow layers: what deep ones see of large strokes are small shapes within them.
SCALE = 1.0
SHIFT = -0.5


def with_stroke(config: StyleConfig) -> StyleConfig:
    """Return the config that a `stroke` stands for, itself with a stroke of 1.

    Style images are larger by it, and weights move from layer to layer with the same
    sum.
    """
    if config.stroke == 1:
        return config
    styles = [
        style.model_copy(update={"scale": style.scale * config.stroke**SCALE})
        for style in config.styles
    ]
    layers = _shifted(config.objective.style_layers, config.stroke**SHIFT)
    changed = config.objective.model_copy(update={"style_layers": layers})
    return config.model_copy(
        update={"styles": styles, "objective": changed, "stroke": 1.0}
    )


def _shifted(layers: Mapping[str, Weights], factor: float) -> dict[str, Weights]:
    """Return weights multiplied by a factor from block to block, and their sums kept.

    At each size, if they differ from size to size.
    """
    sizes = max(
        [len(each) for each in layers.values() if isinstance(each, list)] or [1]
    )
    found: dict[str, list[float]] = {name: [] for name in layers}
    for index in range(sizes):
        before = {name: weight_at(each, index) for name, each in layers.items()}
        after = {
            name: each * factor ** math.log2(layer(name).stride)
            for name, each in before.items()
        }
        ratio = sum(before.values()) / (sum(after.values()) or 1)
        for name, each in after.items():
            found[name].append(each * ratio)
    return {name: each if sizes > 1 else each[0] for name, each in found.items()}
