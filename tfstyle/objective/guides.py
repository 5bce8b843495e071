"""How much each place of a layer counts in a region of the picture."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tfstyle.vgg.layers import layer as known

Mask = npt.NDArray[np.float32]
"""(h, w), in [0, 1]."""

Windows = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
ROUNDING = 1e-6  # of what a place counts: less is none


def carry(mask: Mask, layer: str) -> Mask:
    """Carry a mask from the pixels to the places of a layer.

    A place belongs to a region as far as what it sees does. With m and v the mean and
    the variance of the mask over its receptive field, it counts
    m - (1 - √(1 - 4 v)) / 2. Of a mask of black and white, with v = m (1 - m), that is
    2 m - 1, and nothing where less than half of the field is white: so regions beside
    each other have no place in common, where Gatys et al. (2017, section 4.1) shrink
    the mask or erode it. Of an even grey, as where styles overlap or fade into each
    other, it is m. A region too small for that, which lies in no receptive field by
    half, has its places count m.

    Args:
        mask: of the pixels.
        layer: Keras' name.

    Returns:
        (h // stride, w // stride), in [0, 1].
    """
    place = known(layer)
    height, width = (side // place.stride for side in mask.shape)
    rows = _windows(height, mask.shape[0], place.stride, place.halo)
    columns = _windows(width, mask.shape[1], place.stride, place.halo)
    mean = _means(mask, rows, columns)
    squares = _means(np.square(mask, dtype=np.float64), rows, columns)
    variance = np.clip(squares - mean**2, 0, 0.25)
    inside = mean - (1 - np.sqrt(1 - 4 * variance)) / 2
    inside[inside < ROUNDING] = 0
    return np.asarray(inside if inside.any() else mean, np.float32)


def _means(
    values: npt.NDArray[np.floating], rows: Windows, columns: Windows
) -> npt.NDArray[np.float64]:
    """Return the means over windows, from the sums over rectangles at the corner."""
    corner = np.pad(np.cumsum(np.cumsum(values, 0, np.float64), 1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = rows, columns
    sums = corner[bottom][:, right] - corner[top][:, right]
    sums -= corner[bottom][:, left] - corner[top][:, left]
    means: npt.NDArray[np.float64] = sums / np.outer(bottom - top, right - left)
    return np.clip(means, 0, 1)


def _windows(count: int, side: int, stride: int, halo: int) -> Windows:
    """Return where the receptive fields of a row of places begin and end."""
    first = np.arange(count) * stride
    return np.maximum(first - halo, 0), np.minimum(first + stride + halo, side)


def stack(masks: Iterable[Mask], layer: str) -> npt.NDArray[np.float32]:
    """Carry the masks of all regions to a layer: (1, h, w, regions)."""
    return np.stack([carry(mask, layer) for mask in masks], axis=-1)[None]


def coverage(
    masks: Sequence[Mask | None], weights: Sequence[float], size: tuple[int, int]
) -> list[Mask]:
    """Return how much of each pixel belongs to each style.

    Where masks overlap they count by the styles' weights; where together they are less
    than white, the rest belongs to the styles without a mask, or to none.

    Args:
        masks: of the styles, (h, w), in [0, 1].
        weights: of the styles.
        size: of the masks.

    Returns:
        A mask for each style; their sum is at most 1 at each pixel.
    """
    largest = max(weights, default=0) or 1  # only their ratios count
    pairs = [*zip(masks, (each / largest for each in weights), strict=True)]
    given = np.zeros(size)
    for mask, weight in pairs:
        given += 0 if mask is None or not weight else mask
    rest = np.maximum(1 - given, 0)  # for styles without a mask
    parts = [weight * (rest if mask is None else mask) for mask, weight in pairs]
    without = any(mask is None and weight for mask, weight in pairs)
    covered = 1 if without else np.minimum(given, 1)
    total = np.maximum(np.sum(parts, axis=0), 1e-12)
    return [np.asarray(part / total * covered, np.float32) for part in parts]
