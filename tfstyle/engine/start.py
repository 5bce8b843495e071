"""The picture that one size starts from."""

import numpy as np

from tfstyle.engine.scaled import ScaledInputs
from tfstyle.images import Picture, cover, resize, turned


def start_image(scaled: ScaledInputs) -> Picture:
    """Return the picture that the pixels start from, by the config's `init`.

    A later frame of a film starts from the last result, and where that is not trusted
    from the content.
    """
    init, inputs = scaled.config.init, scaled.inputs
    if scaled.previous is not None and scaled.trust is not None:
        content = scaled.content
        start: Picture = content + scaled.trust * (scaled.previous - content)
        return start
    if init == "content":
        return scaled.content
    height, width, _ = scaled.content.shape
    if init == "noise":
        return noise(height, width, scaled.config.seed)
    if init == "style":
        weights = [style.weight for style in scaled.config.styles]
        first = next(i for i, weight in enumerate(weights) if weight)
        style = scaled.coloring.style(first, inputs.styles[first])
        return cover(turned(style, scaled.directions[0]), height, width)
    if inputs.start is None:
        raise ValueError(f"init is {init!r}, but its picture did not come with it")
    return cover(inputs.start, height, width)


def enlarge(image: Picture, scaled: ScaledInputs) -> Picture:
    """Bring an image to the next scale, with the details that its start has there.

    A picture that is merely enlarged is blurred: details that it must have anyway, of
    the photograph it began with, spare the optimizer a part of its steps. White noise
    has no details worth having. `pyramid.details` is the fraction of them: all of a
    photograph's would stay under the paint like an engraving.
    """
    size = scaled.content.shape[:2]
    if image.shape[:2] == size:
        return image
    enlarged = resize(image, *size)
    details = scaled.config.pyramid.details
    if scaled.config.init == "noise" or not details:
        return enlarged
    start = start_image(scaled)
    blurred = resize(resize(start, *image.shape[:2]), *size)
    return np.clip(enlarged + details * (start - blurred), 0, 1).astype(np.float32)


def noise(height: int, width: int, seed: int) -> Picture:
    """Return white noise (height, width, 3), uniform in [0, 1]."""
    return np.random.default_rng(seed).random((height, width, 3), np.float32)
