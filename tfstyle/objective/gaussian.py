"""Style as a Gaussian: means and covariances, moved at the least cost."""

import tensorflow as tf

from tfstyle.objective.losses import (
    by_position,
    channel_products,
    channel_sums,
    guided,
    positions,
    with_gradient,
)
from tfstyle.objective.term import OfLayer, Parts, Seen, Target


class Covariance(OfLayer):
    """Style by mean and covariance: the optimal transport of Gaussians.

    |μ - μ'|² + tr(Σ + Σ' - 2 (Σ'^½ Σ Σ'^½)^½), the squared Bures-Wasserstein distance
    (Dowson & Landau 1982), over tr Σ' + |μ'|², the style's energy.
    """

    def observe(self, seen: Seen) -> Parts:
        features = tf.cast(seen.features[self.layer], tf.float32)
        guide = self.guide(seen)
        return {
            "sums": channel_sums(features, guide),
            "products": channel_products(guided(by_position(features), guide)),
            "positions": positions(features, guide),
        }

    def target(self, parts: Parts) -> Target:
        mean, covariance = _moments(parts)
        energy = tf.linalg.trace(covariance) + tf.reduce_sum(tf.square(mean))
        return {
            "mean": tf.cast(mean, tf.float32),
            "root": root(tf.cast(covariance, tf.float64)),
            "trace": tf.cast(tf.linalg.trace(covariance), tf.float32),
            "constant": self.weight / tf.maximum(tf.cast(energy, tf.float32), 1e-12),
        }

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        mean, covariance = _moments(parts)
        moved = tf.reduce_sum(tf.square(mean - target["mean"]))
        common = fidelity(covariance, target["root"])
        spread = tf.linalg.trace(covariance) + target["trace"] - 2 * common
        return target["constant"] * (moved + tf.maximum(spread, 0.0))


def _moments(parts: Parts) -> tuple[tf.Tensor, tf.Tensor]:
    mean = parts["sums"] / parts["positions"]
    products = parts["products"] / parts["positions"]
    return mean, products - mean[:, None] * mean[None]


def root(matrix: tf.Tensor) -> tf.Tensor:
    """Return the root of a symmetric positive matrix, (C, C)."""
    values, vectors = tf.linalg.eigh((matrix + tf.transpose(matrix)) / 2)
    return _with(tf.sqrt(tf.maximum(values, 0)), vectors)


def fidelity(covariance: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Return tr (Σ'^½ Σ Σ'^½)^½, a float32 scalar.

    The gradient ½ Σ'^½ (Σ'^½ Σ Σ'^½)^-½ Σ'^½ is written out: that of eigenvectors is
    infinite where two eigenvalues are the same, as those of unused channels are.

    Args:
        covariance: Σ, (C, C), float32.
        other: Σ'^½, (C, C), float64.
    """
    inner = other @ tf.cast(covariance, tf.float64) @ other
    values, vectors = tf.linalg.eigh((inner + tf.transpose(inner)) / 2)
    floor = 1e-10 * tf.reduce_max(tf.abs(values)) + 1e-30
    roots = tf.sqrt(tf.maximum(values, floor))
    slope = 0.5 * other @ _with(1 / roots, vectors) @ other
    value = tf.cast(tf.reduce_sum(roots), tf.float32)
    return with_gradient(value, tf.cast(slope, tf.float32), covariance)


def _with(values: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    return (vectors * values) @ tf.transpose(vectors)
