"""A picture cut into tiles with halos, and put together again."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture with its halo; in pixels."""

    crop: tuple[int, int, int, int]  # top, left, height and width, with the halo
    margins: tuple[int, int, int, int]  # of halo at the top, bottom, left and right


def cut_tiles(height: int, width: int, size: int, halo: int, stride: int) -> list[Tile]:
    """Cover a picture with tiles of about equal size, none longer than needed.

    >>> [tile.crop for tile in cut_tiles(64, 96, 48, 8, 16)]
    [(0, 0, 40, 56), (0, 40, 40, 56), (24, 0, 40, 56), (24, 40, 40, 56)]

    Args:
        height: of the picture.
        width: of the picture.
        size: the sides that tiles have at most, but at least `stride`.
        halo: pixels at each side that the features of a tile depend on.
        stride: tiles begin at multiples of it.
    """
    tiles = []
    for top, bottom in _intervals(height, size, stride):
        for left, right in _intervals(width, size, stride):
            first, last = max(0, top - halo), min(height, bottom + halo)
            start, stop = max(0, left - halo), min(width, right + halo)
            crop = first, start, last - first, stop - start
            margins = top - first, last - bottom, left - start, stop - right
            tiles.append(Tile(crop, margins))
    return tiles


def _intervals(length: int, size: int, stride: int) -> Iterator[tuple[int, int]]:
    count = -(-length // max(size // stride * stride, stride))
    step = -(-length // (count * stride)) * stride
    for first in range(0, length, step):
        yield first, min(first + step, length)


def crop_of(image: tf.Tensor, crop: tf.Tensor) -> tf.Tensor:
    """Return a tile's pixels with its halo, of (1, h, w, any)."""
    top, left, height, width = tf.unstack(crop)
    return tf.slice(image, (0, top, left, 0), (1, height, width, image.shape[-1]))


def put(
    whole: np.ndarray, part: np.ndarray, tile: Tile, stride: int, halo: bool = False
) -> None:
    """Add a part of (1, h, w, C) where it belongs, with or without its halo."""
    top, left, _, _ = tile.crop
    if not halo:
        top, left = top + tile.margins[0], left + tile.margins[2]
    top, left = top // stride, left // stride
    _, height, width, _ = part.shape
    with np.errstate(invalid="ignore"):  # float16 before its loss scale is found
        whole[:, top : top + height, left : left + width] += part
