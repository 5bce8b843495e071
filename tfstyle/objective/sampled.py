"""Terms over features at sampled places: which go with which, wherever they are."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tfstyle.objective.losses import mean_square
from tfstyle.objective.places import sample
from tfstyle.objective.term import OfLayer, Parts, Seen, Target


@dataclass(frozen=True)
class Sampled(OfLayer):
    """What terms over samples have in common.

    Their errors are dimensionless, so they are the same in all formulations.
    """

    samples: int = 1024
    seed: int = 0

    def observe(self, seen: Seen) -> Parts:
        features = seen.features[self.layer]
        origin, places = seen.origins.get(self.layer), None
        if self.region is not None:
            places = seen.guides.places[self.layer][self.region]
        found = sample(features, origin, self.samples, self.seed, places)
        return {"samples": found}

    def mix(self, styles: list[tuple[Parts, float]]) -> Parts:
        """Take of each style as many samples as its weight asks for."""
        total, before, taken = sum(weight for _, weight in styles), 0.0, []
        for parts, weight in styles:
            first = round(before / total * self.samples)
            before += weight
            last = round(before / total * self.samples)
            taken.append(parts["samples"][: last - first])
        return {"samples": tf.concat(taken, 0)}

    def target(self, parts: Parts) -> Target:
        samples = tf.cast(parts["samples"], tf.float32)
        return {"samples": samples, "constant": tf.constant(self.weight)}


class SelfSimilarity(Sampled):
    """Content by which places look alike: Kolkin et al. (2019, eq. 7).

    Cosine distances of all pairs of places, divided by their mean; the mean squared
    difference to the content's. Where Kolkin normalize each column and take absolute
    differences, one mean and squares are smooth, which L-BFGS needs.
    """

    def target(self, parts: Parts) -> Target:
        distances = _relative(tf.cast(parts["samples"], tf.float32))
        return {"distances": distances, "constant": tf.constant(self.weight)}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        error = mean_square(_relative(parts["samples"]) - target["distances"])
        return target["constant"] * error


class Nearest(Sampled):
    """Style by the relaxed earth mover's distance: Kolkin et al. (2019, eq. 3-5).

    Each sample goes to the nearest of the other picture by cosine distance: the larger
    of the two mean distances, from image to style and back.
    """

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        costs = cosine_distances(parts["samples"], target["samples"])
        forth = tf.reduce_mean(tf.reduce_min(costs, 1))
        back = tf.reduce_mean(tf.reduce_min(costs, 0))
        return target["constant"] * tf.maximum(forth, back)


class SlicedWasserstein(Sampled):
    """Style by sorted projections: Heitz et al. (2021, eq. 5).

    The samples are projected onto fixed random directions; the mean squared difference
    of the sorted projections, over that of the style's to their mean.
    """

    directions: ClassVar[int] = 64

    def observe(self, seen: Seen) -> Parts:
        samples = super().observe(seen)["samples"]
        rng = np.random.default_rng(self.seed)
        across = rng.normal(size=(samples.shape[-1], self.directions))
        across /= np.linalg.norm(across, axis=0)
        return {"samples": tf.matmul(samples, tf.constant(across, tf.float32))}

    def target(self, parts: Parts) -> Target:
        samples = tf.sort(tf.cast(parts["samples"], tf.float32), axis=0)
        energy = mean_square(samples - tf.reduce_mean(samples, 0))
        return {"sorted": samples, "constant": self.weight / tf.maximum(energy, 1e-12)}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        ordered = tf.sort(parts["samples"], axis=0)
        return target["constant"] * mean_square(ordered - target["sorted"])


def cosine_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return 1 - cos for each row of a, (n, C), and of b, (m, C): (n, m)."""
    return 1 - tf.matmul(_unit(a), _unit(b), transpose_b=True)


def _unit(rows: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(rows, axis=1, epsilon=1e-8)


def _relative(samples: tf.Tensor) -> tf.Tensor:
    """Return distances of samples less their mean, relative to the mean distance."""
    centered = samples - tf.reduce_mean(samples, 0)
    costs = cosine_distances(centered, centered)
    return costs / tf.maximum(tf.reduce_mean(costs), 1e-8)
