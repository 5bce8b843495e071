"""The knob `stroke`: how large strokes are, by the style's scale and its layers."""

import math

from tfstyle.config.objective import largest
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
    objective = config.objective
    layers = {
        name: _times(weight, config.stroke ** (SHIFT * math.log2(layer(name).stride)))
        for name, weight in objective.style_layers.items()
    }
    before = sum(map(largest, objective.style_layers.values()))
    after = sum(map(largest, layers.values()))
    if after:
        layers = {name: _times(each, before / after) for name, each in layers.items()}
    changed = objective.model_copy(update={"style_layers": layers})
    return config.model_copy(
        update={"styles": styles, "objective": changed, "stroke": 1.0}
    )


def _times(weight: Weights, factor: float) -> Weights:
    if isinstance(weight, list):
        return [each * factor for each in weight]
    return weight * factor
