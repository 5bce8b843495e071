"""The terms of the objective: tensors in, one number out; no weights, no network.

Shapes: F, P are features (1, h, w, C) of image and content; G, A are Gram matrices
(C, C) of image and style; M = h w is the number of positions.
"""

from collections.abc import Callable

import tensorflow as tf


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Return how strongly each pair of channels fires together: G = FᵀF / M.

    A mean over positions, where Gatys et al. (2016, eq. 3) sum, so that the style does
    not depend on the size of the picture it was measured on.

    Args:
        features: (1, h, w, C), any range.

    Returns:
        (C, C), float32 and symmetric.
    """
    channels = features.shape[-1]
    flat = tf.cast(tf.reshape(features, (-1, channels)), tf.float32)
    positions = tf.cast(tf.shape(flat)[0], tf.float32)
    return tf.matmul(flat, flat, transpose_a=True) / positions


def content_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Return mean (F - P)²; Gatys et al. (2016, eq. 1) have ½ Σ (F - P)².

    Args:
        features: F, (1, h, w, C).
        target: P, the same shape.

    Returns:
        A scalar, float32, at least 0.
    """
    difference = tf.cast(features, tf.float32) - tf.cast(target, tf.float32)
    return tf.reduce_mean(tf.square(difference))


def style_loss(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Return mean (G - A)² over the C² pairs of channels.

    Gatys et al. (2016, eq. 4) have a quarter of it, with M G and M A in place of means.

    Args:
        gram: G, (C, C).
        target: A, (C, C).

    Returns:
        A scalar, float32, at least 0.
    """
    return tf.reduce_mean(tf.square(gram - target))


@tf.custom_gradient
def total_variation(
    image: tf.Tensor,
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Return Σ (|dx| + |dy|) over neighbouring pixels and the three colors.

    A checkerboard of 0 and 1 in one color has 1 for each pair of neighbours.

    The gradient is written out because TensorFlow adds up the four differences of a
    pixel in the order in which they happen to be ready: runs would differ by rounding.

    Args:
        image: (1, h, w, 3), in [0, 1].

    Returns:
        A scalar, float32, at least 0: a sum; divided by 3 h w it is a mean.
    """
    across = image[:, :, 1:] - image[:, :, :-1]
    down = image[:, 1:] - image[:, :-1]

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        right, below = tf.sign(across), tf.sign(down)
        horizontal = _pad(right, axis=2, before=1) - _pad(right, axis=2, before=0)
        vertical = _pad(below, axis=1, before=1) - _pad(below, axis=1, before=0)
        return upstream * (horizontal + vertical)

    return tf.reduce_sum(tf.abs(across)) + tf.reduce_sum(tf.abs(down)), gradient


def _pad(differences: tf.Tensor, axis: int, before: int) -> tf.Tensor:
    """Add one row or column of zeros, before or after."""
    paddings = [[0, 0]] * 4
    paddings[axis] = [before, 1 - before]
    return tf.pad(differences, paddings)
