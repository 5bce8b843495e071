"""Sampled places: the same ones whether a picture comes as a whole or in tiles."""

import numpy as np
import tensorflow as tf

# The plane's counterparts of the golden ratio: multiples of them fill the unit square
# evenly, however many are taken (Roberts 2018, the R2 sequence).
PLASTIC = 1.32471795724474602596
STEPS = np.array([1 / PLASTIC, 1 / PLASTIC**2])


def sample(
    features: tf.Tensor, origin: tf.Tensor | None, count: int, seed: int
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

    Returns:
        (count, C), float32.
    """
    _, height, width, _ = tf.unstack(tf.shape(features))
    if origin is None:
        origin = tf.stack([0, 0, height, width])
    shift = np.random.default_rng(seed).random(2)
    unit = (shift + np.arange(count)[:, None] * STEPS) % 1.0
    places = tf.cast(unit * tf.cast(origin[2:], tf.float64), tf.int32) - origin[:2]
    row, column = tf.unstack(places, axis=1)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    index = tf.where(inside, row * width + column, 0)
    flat = tf.reshape(features, (-1, features.shape[-1]))
    none = tf.cast(height * width == 0, tf.int32)  # of a tile smaller than a position
    flat = tf.pad(flat, [[0, none], [0, 0]])
    found = tf.cast(tf.gather(flat, index), tf.float32)
    return found * tf.cast(inside[:, None], tf.float32)
