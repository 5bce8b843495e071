"""Measures that compare the cells of a study, whatever each of them minimised."""

import math

import numpy as np

from tfstyle.config.schema import Objective as Options
from tfstyle.config.schema import StyleConfig
from tfstyle.engine.context import Setting, choose_limit
from tfstyle.engine.inputs import Inputs, Picture, size_at
from tfstyle.engine.schedule import Scale
from tfstyle.engine.stage import AnyObjective, Build, make_objective, to_tensor
from tfstyle.images import resize, to_uint8
from tfstyle.vgg.layers import layer


def psnr(image: Picture, reference: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB; infinity for equal pictures.

    Args:
        image: (h, w, 3), in [0, 1].
        reference: the same shape.
    """
    error = float(np.mean(np.square(image - reference, dtype=np.float64)))
    return -10 * math.log10(error) if error else math.inf


class Yardstick:
    """The default objective in float32, at the cell's final size, as a measure.

    Its content distance is relative at block4_conv2, its style distance the mean of
    the relative distances at block1_conv1 to block5_conv1.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._objectives: dict[str, AnyObjective] = {}

    def __call__(
        self, config: StyleConfig, inputs: Inputs, image: Picture
    ) -> dict[str, float]:
        """Measure a result, (h, w, 3) in [0, 1]."""
        scale = Scale(config.size, 1)
        size = size_at(scale, inputs.content)
        content = to_uint8(resize(inputs.content, *size)) / np.float32(255)
        losses = self._objective(config, inputs, scale).losses(to_tensor(image))
        return {
            "psnr": psnr(image, content),
            "content_distance": float(losses.content),
            "style_distance": float(losses.style) if inputs.styles else math.nan,
        }

    def _objective(
        self, config: StyleConfig, inputs: Inputs, scale: Scale
    ) -> AnyObjective:
        key = repr((config.content, config.styles, config.size))
        if key not in self._objectives:
            ruler = StyleConfig(
                styles=config.styles,
                objective=ruler_options(inputs, scale),
                memory=config.memory,
            )
            network = self._build(ruler, "float32")
            setting = Setting(ruler, inputs, "float32", choose_limit(ruler))
            plan = setting.plan(scale)
            self._objectives[key] = make_objective(network, setting, scale, plan)
        return self._objectives[key]


def ruler_options(inputs: Inputs, scale: Scale) -> Options:
    """Return the default objective without layers too deep for small pictures."""
    pictures = [inputs.content, *inputs.styles]
    side = min(min(size_at(scale, picture)) for picture in pictures)
    default = Options()
    return Options(
        content_layers=_fitting(default.content_layers, side),
        style_layers=_fitting(default.style_layers, side),
        style_weight=default.style_weight if inputs.styles else 0.0,
    )


def _fitting(layers: dict[str, float], side: int) -> dict[str, float]:
    return {
        name: weight for name, weight in layers.items() if layer(name).min_side <= side
    }
