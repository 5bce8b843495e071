"""Formulas over features and pixels: tensors in, tensors out; no weights, no network.

Shapes: F are features (1, h, w, C); M = h w is the number of positions; G = FᵀF / M.
"""

import tensorflow as tf


def by_position(features: tf.Tensor) -> tf.Tensor:
    """Return features (1, h, w, C) as a matrix (M, C) in float32."""
    return tf.cast(tf.reshape(features, (-1, features.shape[-1])), tf.float32)


def positions(features: tf.Tensor, guide: tf.Tensor | None = None) -> tf.Tensor:
    """Return M of features (1, h, w, C), a float32 scalar: with a guide, its sum."""
    if guide is not None:
        return tf.reduce_sum(guide)
    _, height, width, _ = tf.unstack(tf.shape(features))
    return tf.cast(height * width, tf.float32)


def guided(flat: tf.Tensor, guide: tf.Tensor | None) -> tf.Tensor:
    """Return features (M, C) times the root of a guide, (1, h, w, 1).

    Their products then count each place by the guide: Gatys et al. (2017, eq. 7), whose
    guide is our root.
    """
    return flat if guide is None else flat * tf.sqrt(tf.reshape(guide, (-1, 1)))


def channel_products(flat: tf.Tensor) -> tf.Tensor:
    """Return FᵀF, (C, C), of features (M, C).

    Written so that the gradient, ∂⟨U, FᵀF⟩ / ∂F = F (U + Uᵀ), is one matrix product,
    where TensorFlow takes two.
    """
    products = tf.matmul(flat, tf.stop_gradient(flat), transpose_a=True)
    return products + tf.transpose(products) - tf.stop_gradient(products)


def with_gradient(value: tf.Tensor, slope: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Return a scalar of x whose gradient is `slope`, instead of TensorFlow's own.

    Not by tf.custom_gradient: each graph that has one stays in memory for ever.
    """
    value, slope = tf.stop_gradient(value), tf.stop_gradient(slope)
    return value + tf.reduce_sum(slope * (x - tf.stop_gradient(x)))  # + 0


def channel_sums(features: tf.Tensor, guide: tf.Tensor | None = None) -> tf.Tensor:
    """Return the sum over positions, (C,), of features (1, h, w, C) in float32.

    Row by row: one sum over all positions would lose one more digit for each hundred
    times as many of them.
    """
    if guide is not None:
        features = features * guide
    return tf.reduce_sum(tf.reduce_sum(features, axis=2), axis=(0, 1))


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Return how strongly each pair of channels is active together: G = FᵀF / M.

    A mean over positions, where Gatys et al. (2016, eq. 3) sum, so that the style does
    not depend on the size of the picture it was measured on.

    Args:
        features: (1, h, w, C), any range.

    Returns:
        (C, C), float32 and symmetric.
    """
    return channel_products(by_position(features)) / positions(features)


def mean_square(values: tf.Tensor) -> tf.Tensor:
    """Return the mean of squares, a float32 scalar."""
    return tf.reduce_mean(tf.square(tf.cast(values, tf.float32)))


def total_variation(
    image: tf.Tensor, below: int | tf.Tensor = 0, right: int | tf.Tensor = 0
) -> tf.Tensor:
    """Return Σ (|dx| + |dy|) over neighboring pixels and the three colors.

    Anisotropic total variation (Rudin, Osher & Fatemi 1992 have the isotropic one). A
    checkerboard of 0 and 1 in one color has 1 for each pair of neighbors.

    The gradient is written out because TensorFlow adds up the four differences of a
    pixel in the order in which they happen to be ready: runs would differ by rounding.

    Args:
        image: (1, h, w, 3), in [0, 1].
        below: the last so many rows are those of a neighboring tile: differences
            that lead to them count, those among them do not.
        right: the same for columns.

    Returns:
        A scalar, float32, at least 0: a sum; divided by 3 h w it is a mean.
    """
    rows, columns = tf.shape(image)[1] - below, tf.shape(image)[2] - right
    across = image[:, :rows, 1:] - image[:, :rows, :-1]
    down = image[:, 1:, :columns] - image[:, :-1, :columns]
    dx = tf.pad(tf.sign(across), [[0, 0], [0, below], [0, 0], [0, 0]])
    dy = tf.pad(tf.sign(down), [[0, 0], [0, 0], [0, right], [0, 0]])
    horizontal = _pad(dx, axis=2, before=1) - _pad(dx, axis=2, before=0)
    vertical = _pad(dy, axis=1, before=1) - _pad(dy, axis=1, before=0)
    variation = tf.reduce_sum(tf.abs(across)) + tf.reduce_sum(tf.abs(down))
    return with_gradient(variation, horizontal + vertical, image)


def _pad(differences: tf.Tensor, axis: int, before: int) -> tf.Tensor:
    """Add one row or column of zeros, before or after."""
    paddings = [[0, 0]] * 4
    paddings[axis] = [before, 1 - before]
    return tf.pad(differences, paddings)
