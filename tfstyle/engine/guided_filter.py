"""A guided filter: a picture that has the edges of another, in colors of its own.

Within each window of the guide I, what is filtered becomes a linear function of the
guide's colors, b + a I, by least squares with a penalty epsilon on a; the result is the
mean of those functions over all windows that hold a pixel (He, Sun & Tang, "Guided
Image Filtering", TPAMI 2013, as extended there to a guide in color). So straight edges
stay straight, and what is flat in the guide stays flat.

Where the paper has a box around each pixel, a window here is a soft one around a node
of a coarse grid (as He & Sun, "Fast Guided Filter", 2015, fit on fewer pixels). With
W_in the weight of pixel i in window n, which add up to one over n, and J = (1, I):

    (b, a)_n = (Σ_i W_in (J_i J_iᵀ + epsilon diag(0, 1, 1, 1)))⁻¹ Σ_i W_in J_i x_i
    (GF x)_i = J_i · Σ_n W_in (b, a)_n

It is linear in x and its own adjoint, and costs the same however wide the windows are.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.images import FloatArray, Picture

Matrices = np.ndarray[Any, np.dtype[np.float64]]


class GuidedFilter:
    """The filter of one guide; a linear map of pictures of its size, symmetric.

    Args:
        guide: (height, width, 3), in [0, 1].
        spacing: of the grid, in pixels; a window is four times as wide.
        epsilon: variance of the guide's colors, in squares of their range of 1, below
            which what is filtered becomes flat.
    """

    def __init__(self, guide: Picture, spacing: float, epsilon: float) -> None:
        height, width, _ = guide.shape
        ones = np.ones((height, width, 1), np.float32)
        self._guide = tf.constant(np.concatenate([ones, guide], axis=2))  # J
        self._down = tf.constant(_windows(height, spacing))
        self._across = tf.constant(_windows(width, spacing))
        self._inverse = tf.constant(self._inverses(epsilon))

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Return GF x, (1, height, width, channels) as x, which may leave its range."""
        # Channel by channel: one takes the memory of four.
        channels = tf.unstack(values[0], axis=2)
        return tf.stack([self._channel(each) for each in channels], axis=2)[None]

    def _channel(self, x: tf.Tensor) -> tf.Tensor:
        sums = self._sums(self._guide * x[..., None])
        # b is what is left of large numbers; at the few nodes, float64 costs nothing.
        exact = tf.einsum("nmij,nmj->nmi", self._inverse, tf.cast(sums, tf.float64))
        functions = tf.cast(exact, tf.float32)  # b and a
        rows = tf.einsum("wm,nmi->nwi", self._across, functions)
        found = tf.einsum("hn,nwi->hwi", self._down, rows)
        return tf.reduce_sum(found * self._guide, axis=2)

    def _sums(self, values: tf.Tensor) -> tf.Tensor:
        """Wᵀ: (height, width, 4) to the sums in each window, (nodes, nodes, 4)."""
        rows = tf.einsum("hn,hwi->nwi", self._down, values)
        return tf.einsum("wm,nwi->nmi", self._across, rows)

    def _inverses(self, epsilon: float) -> Matrices:
        """Return the symmetric matrices of all nodes, (nodes, nodes, 4, 4)."""
        columns = [
            self._sums(self._guide * self._guide[..., i : i + 1]) for i in range(4)
        ]
        products = np.stack(columns, axis=-1).astype(np.float64)
        counts = products[..., :1, :1]
        penalty = counts * np.diag([0, epsilon, epsilon, epsilon])
        inverse: Matrices = np.linalg.inv(products + penalty).astype(np.float64)
        return inverse


def _windows(length: int, spacing: float) -> FloatArray:
    """Return the weight of each pixel in each window, (length, nodes): cubic B-splines.

    They add up to one at each pixel, also near borders, where some are missing.
    """
    nodes = np.linspace(0, length - 1, max(2, 1 + round((length - 1) / spacing)))
    distance = np.abs(np.arange(length)[:, None] - nodes) / max(nodes[1], 1)
    weights = np.where(
        distance < 1,
        2 / 3 - distance**2 + distance**3 / 2,
        np.maximum(2 - distance, 0) ** 3 / 6,
    )
    windows: FloatArray = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return windows
