"""Optical flow: where each pixel of a frame was in another one, and can it be true?

A flow is float32, (height, width, 2): how many pixels to the right and down of each
pixel its counterpart in the other frame is.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tfstyle.images import FloatArray, Picture, grey, to_uint8

# Ruder et al. (2016, eq. 5 and 6); the last two are pixels squared.
RELATIVE, DISOCCLUDED, BOUNDARY = 0.01, 0.5, 0.002
# Ten times OpenCV's smoothness: else the noise of a camera moves flat, dark areas, and
# they are not trusted: of a rocket at night, with noise of 1 %, 71 % was and 92 % is.
SMOOTH, ITERATIONS = 200.0, 10
LEAST = 32  # pixels that a side needs: the coarsest size of the flow's own pyramid


class Motion(NamedTuple):
    """From a frame to the one before it."""

    flow: FloatArray  # (height, width, 2)
    trust: FloatArray  # (height, width, 1): 1 where it is to be trusted, else 0


def motion(frame: Picture, previous: Picture) -> Motion:
    """Return the flow from a frame to the previous one, and where to trust it.

    Args:
        frame: (height, width, 3), in [0, 1].
        previous: of the same shape.
    """
    backward, forward = flow(frame, previous), flow(previous, frame)
    return Motion(backward, trust(backward, forward))


def flow(frame: Picture, other: Picture) -> FloatArray:
    """Return the dense inverse search flow (Kroeger et al. 2016) between two frames.

    It looks at lightness alone, and has learned nothing, so it needs no weights.
    """
    height, width, _ = frame.shape
    pads = [(0, max(0, LEAST - height)), (0, max(0, LEAST - width))]
    here, there = (
        np.pad(to_uint8(grey(each)[..., 0]), pads, "edge") for each in (frame, other)
    )
    # The object is new each time: one that is used again begins at its last flow.
    search = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_MEDIUM)
    search.setFinestScale(0)
    search.setVariationalRefinementAlpha(SMOOTH)
    search.setVariationalRefinementIterations(ITERATIONS)
    found = search.calc(here, there, None)
    return np.ascontiguousarray(found[:height, :width], np.float32)


def warp(picture: FloatArray, flow: FloatArray) -> FloatArray:
    """Return what a picture shows at the far end of a flow, bicubic, in [0, 1].

    Beyond the borders it is as at the borders.

    Args:
        picture: (height, width, channels), in [0, 1].
        flow: (height, width, 2).
    """
    moved = _remapped(picture, flow, cv2.INTER_CUBIC)
    return np.clip(moved, 0, 1, out=moved)


def trust(flow: FloatArray, back: FloatArray) -> FloatArray:
    """Return where a flow is to be trusted, by that of the way back: (h, w, 1), 0 or 1.

    Not where the way there and back does not end near its beginning, as where something
    was hidden in the other frame; not at the boundaries of what moves, where flows are
    smooth and motions are not; and not where it leads beyond the borders. Sundaram et
    al. ("Dense Point Trajectories", 2010), as in Ruder et al. (2016, eq. 5 and 6).
    """
    returned = _remapped(back, flow, cv2.INTER_LINEAR)
    size = _square(flow)
    there = _square(flow + returned)
    seen = there <= RELATIVE * (size + _square(returned)) + DISOCCLUDED
    slopes = _square(np.concatenate(np.gradient(flow, axis=(0, 1)), axis=-1))
    smooth = slopes <= RELATIVE * size + BOUNDARY
    return (seen & smooth & _inside(flow))[..., None].astype(np.float32)


def _inside(flow: FloatArray) -> npt.NDArray[np.bool_]:
    height, width, _ = flow.shape
    x, y = _ends(flow)
    # A pixel reaches half its width beyond its middle.
    across, down = (x >= -0.5) & (x <= width - 0.5), (y >= -0.5) & (y <= height - 0.5)
    return np.asarray(across & down)


def _ends(flow: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return x and y of the far end of a flow."""
    height, width, _ = flow.shape
    rows, columns = np.indices((height, width), np.float32, sparse=True)
    return columns + flow[..., 0], rows + flow[..., 1]


def _remapped(values: FloatArray, flow: FloatArray, how: int) -> FloatArray:
    x, y = _ends(flow)
    found = cv2.remap(values, x, y, how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32).reshape(*flow.shape[:2], values.shape[2])


def _square(vectors: FloatArray) -> FloatArray:
    length: FloatArray = np.sum(np.square(vectors), axis=-1)
    return length
