"""Masks: pictures of which only the lightness counts."""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from tfstyle.images.arrays import FloatArray, Picture, resize
from tfstyle.images.oklab import oklab
from tfstyle.images.reading import MAX_MEGAPIXELS, StrPath, read_pixels
from tfstyle.images.writing import save_image

Values = npt.NDArray[np.float64]

LUMA = np.array([[0.2126], [0.7152], [0.0722]], np.float32)  # Rec. 709
LEVELS = 255
NOISE = 1e-4  # variance of OkLab below which the guided filter sees no edge


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


def box_mask(
    size: tuple[int, int], box: tuple[float, float, float, float], ellipse: bool
) -> FloatArray:
    """Return a mask that is white in a rectangle, or in the ellipse within it.

    Args:
        size: (height, width) of the mask.
        box: left, top, right and bottom, as fractions of the picture.
        ellipse: white is the ellipse alone.

    Returns:
        (height, width, 1), 0 or 1.

    Raises:
        ValueError: for a box that is empty or not within the picture.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):  # NaN is neither
        raise ValueError(
            f"the box {left:g},{top:g},{right:g},{bottom:g} is empty or not within the "
            "picture; give left,top,right,bottom from 0 to 1, as in 0,0,1,0.5 for its "
            "upper half"
        )
    down = (np.arange(size[0])[:, None] + 0.5) / size[0]
    across = (np.arange(size[1])[None] + 0.5) / size[1]
    x = (2 * across - left - right) / (right - left)  # -1 to 1 inside
    y = (2 * down - top - bottom) / (bottom - top)
    inside = x**2 + y**2 <= 1 if ellipse else (abs(x) <= 1) & (abs(y) <= 1)
    return inside[..., None].astype(np.float32)


def color_mask(picture: Picture, color: Sequence[float], reach: float) -> FloatArray:
    """Return a mask of the pixels whose color is about that, (height, width, 1).

    Args:
        picture: (height, width, 3), in [0, 1].
        color: three numbers in [0, 1].
        reach: the distance in OkLab (1 from black to white) up to which it is white;
            it fades to black at twice that.
    """
    one: Picture = np.array(color, np.float32).reshape(1, 1, 3)
    difference = oklab(picture) - oklab(one)
    distance = np.linalg.norm(difference, axis=-1, keepdims=True)
    return leveled(np.clip(2 - distance / max(reach, 1e-6), 0, 1))


def feathered(mask: FloatArray, pixels: float) -> FloatArray:
    """Return a mask with soft edges, so many pixels wide at each side."""
    if not pixels:
        return mask
    grey_levels = Image.fromarray(np.rint(mask[..., 0] * LEVELS).astype(np.uint8))
    soft = grey_levels.filter(ImageFilter.GaussianBlur(pixels / 2))
    return np.asarray(soft, np.float32)[..., None] / np.float32(LEVELS)


def snapped(masks: FloatArray, picture: Picture, radius: int = 12) -> FloatArray:
    """Return masks whose edges are those of a picture: the guided filter.

    He, Sun & Tang (2010, eq. 5 to 8), with the picture's colors in OkLab as the guide,
    as in their extension to color (2013): within each window a mask becomes the linear
    function of them that is nearest to it. So edges between colors that are as light as
    each other are found too.

    Args:
        masks: (height, width, count), in [0, 1].
        picture: (height, width, 3), in [0, 1].
        radius: of a window, pixels.
    """
    guide = oklab(picture)
    mean = _blurred(guide, radius)
    inverse = np.linalg.inv(_covariance(guide, mean, radius) + NOISE * np.eye(3))
    found = np.empty_like(masks, np.float32)
    for i in range(masks.shape[-1]):  # one by one, for the memory
        mask = masks[..., i : i + 1]
        mean_mask = _blurred(mask, radius)
        both = _blurred(guide * mask, radius) - mean * mean_mask
        slope = (inverse @ both[..., None])[..., 0]
        offset = mean_mask - np.sum(slope * mean, axis=-1, keepdims=True)
        fitted = np.sum(_blurred(slope, radius) * guide, axis=-1, keepdims=True)
        found[..., i : i + 1] = np.clip(fitted + _blurred(offset, radius), 0, 1)
    return found


def _covariance(guide: FloatArray, mean: Values, radius: int) -> Values:
    """Return that of the three channels within windows, (height, width, 3, 3)."""
    covariance = np.empty((*guide.shape[:2], 3, 3))
    for i, j in combinations_with_replacement(range(3), 2):
        product = guide[..., i : i + 1].astype(np.float64) * guide[..., j : j + 1]
        entry = _blurred(product, radius)[..., 0] - mean[..., i] * mean[..., j]
        covariance[..., i, j] = covariance[..., j, i] = entry
    return covariance


def _blurred(values: npt.NDArray[np.floating[Any]], radius: int) -> Values:
    """Return the mean over windows of 2 radius + 1 pixels, smaller at the borders."""
    means = np.asarray(values, np.float64)
    for _ in range(2):  # along the rows, then turned, along the columns
        at = np.arange(len(means))
        first = np.maximum(at - radius, 0)
        last = np.minimum(at + radius + 1, len(means))
        sums = np.cumsum(np.insert(means, 0, 0, axis=0), 0)
        means = (sums[last] - sums[first]) / (last - first)[:, None, None]
        means = means.transpose(1, 0, 2)
    return means


def save_mask(path: StrPath, mask: FloatArray) -> None:
    """Write a mask, (height, width, 1), as a picture file."""
    save_image(path, np.repeat(mask, 3, axis=-1))
