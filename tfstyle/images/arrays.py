"""Images as arrays: their sizes, and floats in [0, 1] to whole numbers and back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]

Picture = FloatArray
"""RGB, in [0, 1], shape (height, width, 3)."""

Direction = int | str
"""0, 90, 180 or 270 degrees counterclockwise; mirror: left is right; flip: top down."""

STRIP = 1 << 20  # values converted at a time, so that no full copy is needed


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return (height, width) in pixels with this long side and the same aspect ratio.

    The other side is rounded to nearest, and at least 1.

    Raises:
        ValueError: an argument is below 1.
    """
    if min(height, width, long_side) < 1:
        raise ValueError(
            f"Got height {height}, width {width} and long side {long_side}; expected "
            "pixel counts of at least 1."
        )
    longest = max(height, width)

    def scaled(side: int) -> int:
        return max(1, (2 * side * long_side + longest) // (2 * longest))

    return scaled(height), scaled(width)


def turned(image: FloatArray, direction: Direction) -> FloatArray:
    """Return an image, (height, width, ...), turned or mirrored; no pixel changes."""
    if direction == "mirror":
        return image[:, ::-1]
    if direction == "flip":
        return image[::-1]
    return np.rot90(image, int(direction) // 90)


def resize(image: npt.ArrayLike, height: int, width: int) -> FloatArray:
    """Return the image at another size, antialiased, never rounded to 8 bits.

    Args:
        image: (any height, any width, channels), floats in [0, 1].
        height: of the result, in pixels.
        width: of the result, in pixels.

    Returns:
        (height, width, channels), float32, in [0, 1]; a copy if that is its size.

    Raises:
        ValueError: not floats of three axes, or a size below 1.
    """
    source = floats(image)
    if source.ndim != 3 or 0 in source.shape or min(height, width) < 1:
        raise ValueError(
            f"Got an array {source.shape} to resize to {height} x {width}; expected "
            "(height, width, channels) and a size of at least 1 x 1."
        )
    if source.shape[:2] == (height, width):
        resized = source.astype(np.float32)
        return np.clip(resized, 0, 1, out=resized)
    # Lanczos keeps the most detail when shrinking. When enlarging, its longer ripples
    # would ring beside edges, and the losses would take the rings for texture.
    shrinks = height < source.shape[0] or width < source.shape[1]
    kernel = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    resized = np.empty((height, width, source.shape[2]), np.float32)
    for i in range(source.shape[2]):
        channel = Image.fromarray(source[..., i].astype(np.float32))
        resized[..., i] = np.asarray(channel.resize((width, height), kernel))
    return np.clip(resized, 0, 1, out=resized)


def cover(picture: Picture, height: int, width: int) -> Picture:
    """Fill (height, width) with the picture: its ratio kept, its overhang cut off."""
    old_height, old_width = picture.shape[:2]
    factor = max(height / old_height, width / old_width)
    new_height = max(height, round(old_height * factor))
    new_width = max(width, round(old_width * factor))
    top, left = (new_height - height) // 2, (new_width - width) // 2
    resized = resize(picture, new_height, new_width)
    return resized[top : top + height, left : left + width]


def to_uint8(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return floats of any shape as 0..255: clipped to [0, 1], rounded to nearest.

    Raises:
        ValueError: the values are not floats, or not all of them finite.
    """
    values = floats(image)
    levels = np.empty(values.shape, np.uint8)
    for part, target in strips(np.atleast_1d(values), np.atleast_1d(levels)):
        target[...] = rounded(part, 255)
    return levels


def rounded(values: npt.NDArray[Any], white: int) -> FloatArray:
    """Return [0, 1] as whole numbers from 0 to `white`."""
    levels: FloatArray = values.astype(np.float32)
    if not np.isfinite(levels).all():
        raise ValueError(
            "Got NaN or infinite pixels; expected values in [0, 1]: the computation "
            "that made this image diverged, lower its step size or weights."
        )
    np.clip(levels, 0, 1, out=levels)
    levels *= white
    np.rint(levels, out=levels)
    return levels


def strips(*arrays: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Cut arrays with the same first axis along it, into views of about STRIP."""
    count = len(arrays[0])
    step = max(1, STRIP * count // max(1, arrays[0].size))
    for start in range(0, count, step):
        yield tuple(array[start : start + step] for array in arrays)


def floats(image: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
    """Return the array if it is one of floats.

    Raises:
        ValueError: if not.
    """
    values = np.asarray(image)
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"Got pixels of type {values.dtype}; expected floats in [0, 1]: divide "
            "8-bit values by 255 first."
        )
    return values
