"""Masks: pictures of which only the lightness counts."""

from collections.abc import Sequence

import numpy as np

from tfstyle.images.arrays import FloatArray, resize
from tfstyle.images.reading import MAX_MEGAPIXELS, StrPath, read_pixels

LUMA = np.array([[0.2126], [0.7152], [0.0722]], np.float32)  # Rec. 709
LEVELS = 255


def load_mask(path: StrPath, max_megapixels: float = MAX_MEGAPIXELS) -> FloatArray:
    """Return how light a picture file is, (height, width, 1): 0 black, 1 white.

    Transparency is ignored: a mask is what its colors say.

    Raises:
        ValueError: as in `load_image`.
    """
    return leveled(read_pixels(path, max_megapixels, over_white=False) @ LUMA)


def load_masks(
    paths: Sequence[StrPath | None], max_megapixels: float = MAX_MEGAPIXELS
) -> list[FloatArray | None]:
    """Return the masks of some paths, and none where there is none.

    Raises:
        ValueError: as in `load_image`.
    """
    return [load_mask(path, max_megapixels) if path else None for path in paths]


def resize_mask(mask: FloatArray, height: int, width: int) -> FloatArray:
    """Return a mask at another size, whatever its ratio; its edges become soft."""
    return leveled(resize(mask, height, width))


def leveled(mask: FloatArray) -> FloatArray:
    """Return a mask in steps of 1/255, so that rounding leaves white white."""
    return (np.rint(mask * LEVELS) / LEVELS).astype(np.float32)
