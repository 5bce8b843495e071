"""Measures that compare the cells of a study, whatever each of them minimized."""

import math
from collections.abc import Mapping

import numpy as np

from tfstyle.config import Extractor, Optimizer, StyleConfig, with_stroke
from tfstyle.config import Objective as Options
from tfstyle.engine.context import choose_context
from tfstyle.engine.inputs import Inputs, size_at
from tfstyle.engine.kept import Kept, to_tensor
from tfstyle.engine.schedule import Scale
from tfstyle.images import Picture, resize, to_uint8
from tfstyle.system.devices import prepared
from tfstyle.vgg.layers import layer

CONTENT_LAYERS = {"block4_conv2": 1.0}
STYLE_LAYERS = {f"block{block}_conv1": 0.2 for block in range(1, 6)}


def psnr(image: Picture, reference: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB; infinity for equal pictures.

    Args:
        image: (h, w, 3), in [0, 1].
        reference: the same shape.
    """
    error = float(np.mean(np.square(image - reference, dtype=np.float64)))
    return -10 * math.log10(error) if error else math.inf


def content_psnr(config: StyleConfig, inputs: Inputs, image: Picture) -> float:
    """Return the PSNR of a result against the content picture, as 8 bits hold it."""
    size = size_at(Scale(config.size, 1), inputs.content)
    content = to_uint8(resize(inputs.content, *size))
    return psnr(image, (content / 255).astype(np.float32))


def distances(
    config: StyleConfig, inputs: Inputs, image: Picture, kept: Kept
) -> dict[str, float]:
    """Measure a result by Gatys' layers in float32, at its final size.

    The content distance is relative at block4_conv2, the style distance the mean of
    the relative distances at block1_conv1 to block5_conv1, with average pooling. The
    content is that of the photograph in its own colors.

    Args:
        config: of the run.
        inputs: its pictures.
        image: its result, (h, w, 3) in [0, 1].
        kept: networks and targets that several measurements share.

    Raises:
        ValueError: if that takes more memory than there is.
    """
    scale = Scale(config.size, 1)
    measuring = measuring_config(config, inputs, scale)
    with prepared():
        context = choose_context(measuring, inputs)
        try:
            objective = kept.objective(context, scale, context.plan(scale))
            losses = objective.losses(to_tensor(image))
        finally:
            kept.trim()
    return {
        "content_distance": losses["content"],
        "style_distance": losses["style"] if inputs.styles else math.nan,
    }


def measuring_config(config: StyleConfig, inputs: Inputs, scale: Scale) -> StyleConfig:
    """Return the config that measures the results of another."""
    return StyleConfig(
        color_strength=0,
        extractor=Extractor(pooling="avg", padding="zeros"),
        size=config.size,
        styles=with_stroke(config).styles,
        direction=config.direction,
        objective=measuring_options(inputs, scale),
        optimizer=Optimizer(name="adam"),  # in no use: the one that takes less memory
        precision="float32",
        memory=config.memory,
    )


def measuring_options(inputs: Inputs, scale: Scale) -> Options:
    """Return Gatys' objective without layers too deep for small pictures."""
    pictures = [inputs.content, *inputs.styles]
    side = min(min(size_at(scale, picture)) for picture in pictures)
    return Options(
        content_layers=dict(_fitting(CONTENT_LAYERS, side)),
        style_layers=dict(_fitting(STYLE_LAYERS, side)),
        style_weight=1.0 if inputs.styles else 0.0,
        tv_weight=1.0,  # in no use: something to minimize where no layer fits
    )


def _fitting(layers: Mapping[str, float], side: int) -> Mapping[str, float]:
    return {
        name: weight for name, weight in layers.items() if layer(name).min_side <= side
    }
