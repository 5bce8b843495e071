"""The picture that the pixels of one size start from."""

import numpy as np

from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import Inputs, Picture, cover, size_at
from tfstyle.engine.schedule import Scale
from tfstyle.images import resize


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
