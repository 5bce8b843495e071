"""Masks: pictures of which only the lightness counts."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from tfstyle.images.arrays import FloatArray, Picture, resize
from tfstyle.images.oklab import chroma, grey
from tfstyle.images.reading import MAX_MEGAPIXELS, StrPath, read_pixels
from tfstyle.images.writing import save_image

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
    """
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise ValueError(f"the box {box} is empty; give left, top, right, bottom")
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
    light, tint = grey(picture) - grey(one), chroma(picture) - chroma(one)
    distance = np.sqrt(light**2 + np.sum(tint**2, axis=-1, keepdims=True))
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

    He, Sun & Tang (2010, eq. 5 to 8), with the picture's lightness as the guide: within
    each window a mask becomes a linear function of it.

    Args:
        masks: (height, width, count), in [0, 1].
        picture: (height, width, 3), in [0, 1].
        radius: of a window, pixels.
    """
    guide = grey(picture)
    mean, mean_mask = _blurred(guide, radius), _blurred(masks, radius)
    variance = _blurred(guide**2, radius) - mean**2
    slope = (_blurred(guide * masks, radius) - mean * mean_mask) / (variance + 1e-4)
    offset = mean_mask - slope * mean
    found = _blurred(slope, radius) * guide + _blurred(offset, radius)
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _blurred(values: FloatArray, radius: int) -> FloatArray:
    """Return the mean over windows of 2 radius + 1 pixels, smaller at the borders."""
    for _ in range(2):  # along the rows, then turned, along the columns
        at = np.arange(len(values))
        first = np.maximum(at - radius, 0)
        last = np.minimum(at + radius + 1, len(values))
        sums = np.cumsum(np.insert(values, 0, 0, axis=0), 0, np.float64)
        means = (sums[last] - sums[first]) / (last - first)[:, None, None]
        values = means.transpose(1, 0, 2).astype(np.float32)
    return values


def save_mask(path: StrPath, mask: FloatArray) -> None:
    """Write a mask, (height, width, 1), as a picture file."""
    save_image(path, np.repeat(mask, 3, axis=-1))
