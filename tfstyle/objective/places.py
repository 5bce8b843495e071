"""Sampled places: the same ones whether a picture comes as a whole or in tiles."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# The plane's counterparts of the golden ratio: multiples of them fill the unit square
# evenly, however many are taken (Roberts 2018, the R2 sequence).
PLASTIC = 1.32471795724474602596
STEPS = np.array([1 / PLASTIC, 1 / PLASTIC**2])


def spread(count: int, seed: int) -> npt.NDArray[np.float64]:
    """Return points of the unit square, (count, 2), any first of them spread evenly."""
    shift = np.random.default_rng(seed).random(2)
    points: npt.NDArray[np.float64] = (shift + np.arange(count)[:, None] * STEPS) % 1.0
    return points


def guided_places(
    guide: npt.NDArray[np.float32], count: int, seed: int
) -> npt.NDArray[np.int32]:
    """Return places of a region: `spread`, as often as the guide asks for.

    The conditional distribution method: rows by their sums, then columns by what is in
    the row. Of a guide that is 1 everywhere they are those that `sample` takes itself.

    Args:
        guide: (h, w), at least 0, and more somewhere.
        count: how many.
        seed: chooses them.

    Returns:
        (count, 2): row and column.
    """
    down, across = spread(count, seed).T
    rows = np.cumsum(guide.sum(1, dtype=np.float64))
    row = np.searchsorted(rows, down * rows[-1], side="right")
    columns = np.cumsum(guide, 1, np.float64)[row]
    column = np.sum(columns <= across[:, None] * columns[:, -1:], axis=1)
    return np.stack([row, column], axis=1).astype(np.int32)


def sample(
    features: tf.Tensor,
    origin: tf.Tensor | None,
    count: int,
    seed: int,
    places: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return features at places spread over the picture, zeros for those elsewhere.

    Each tile fills the rows of the places that lie in it, so that those of all tiles
    add up. Any first rows are spread over the picture as well as all of them.

    Args:
        features: (1, h, w, C) of a tile.
        origin: (4,): top and left of the tile in the features of the whole picture, and
            their height and width; None if the tile is the whole.
        count: how many places; of fewer positions some come more than once.
        seed: chooses the places.
        places: (count, 2), from `guided_places`, in the place of those all over.

    Returns:
        (count, C), float32.
    """
    _, height, width, _ = tf.unstack(tf.shape(features))
    if origin is None:
        origin = tf.stack([0, 0, height, width])
    if places is None:
        points = spread(count, seed)
        places = tf.cast(points * tf.cast(origin[2:], tf.float64), tf.int32)
    row, column = tf.unstack(places - origin[:2], axis=1)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    index = tf.where(inside, row * width + column, 0)
    flat = tf.reshape(features, (-1, features.shape[-1]))
    none = tf.cast(height * width == 0, tf.int32)  # of a tile smaller than a position
    flat = tf.pad(flat, [[0, none], [0, 0]])
    found = tf.cast(tf.gather(flat, index), tf.float32)
    return found * tf.cast(inside[:, None], tf.float32)
