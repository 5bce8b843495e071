"""How much a film flickers."""

from collections.abc import Iterable

import numpy as np

from tfstyle.clips.flow import Motion, warp
from tfstyle.images import Picture


def warping_error(frames: Iterable[Picture], motions: Iterable[Motion]) -> float:
    """Return the mean squared difference of frames to those before, moved by the flow.

    The mean is over the pixels where the flow is trusted and the three colors, and then
    over the frames: the warping error of Lai et al. ("Learning Blind Video Temporal
    Consistency", 2018).

    Args:
        frames: of a shot, at least two, (height, width, 3), in [0, 1].
        motions: from each frame after the first to the one before.
    """
    errors, before = [], None
    moved = iter(motions)
    for frame in frames:
        if before is not None:
            flow, trust = next(moved)
            squares = trust * np.square(frame - warp(before, flow))
            errors.append(float(squares.sum() / max(3 * trust.sum(), 1)))
        before = frame
    return float(np.mean(errors))
