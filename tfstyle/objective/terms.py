"""The terms of the objective by name, and those of Gatys et al. among them.

Each formulation (`objective.formulation`) is the same mean with another constant:

    relative  content = mean (F - P)² / mean P²    gram = mean (G - A)² / mean A²
    mean      content = mean (F - P)²              gram = mean (G - A)²
    paper     content = ½ Σ (F - P)²               gram = ¼ mean (G - A)²

`paper` is Gatys et al. (2016, eq. 1-7): with G a mean over positions, a quarter of the
mean over C² pairs is their 1/(4 C² M²) Σ (M G - M A)². `relative` is ours: 0.01 reads
as 1 % of the target's own energy, so weights keep their meaning from layer to layer,
size to size and picture to picture.
"""

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from tfstyle.objective.gaussian import Covariance
from tfstyle.objective.losses import (
    by_position,
    channel_products,
    channel_sums,
    guided,
    mean_square,
    positions,
    total_variation,
)
from tfstyle.objective.sampled import Nearest, SelfSimilarity, SlicedWasserstein
from tfstyle.objective.term import OfLayer, Parts, Seen, Target, Term


class Features(OfLayer):
    """Content by features: Gatys et al. (2016, eq. 1), ½ Σ (F - P)²."""

    additive = True
    compares = True

    def observe(self, seen: Seen) -> Parts:
        features = tf.cast(seen.features[self.layer], tf.float32)
        if self.layer in seen.content:
            features -= tf.cast(seen.content[self.layer], tf.float32)
        return {
            "squares": tf.reduce_sum(tf.square(features)),
            "positions": positions(features) * features.shape[-1],
        }

    def target(self, parts: Parts) -> Target:
        size = tf.cast(parts["positions"], tf.float32)  # M C
        energy = tf.cast(parts["squares"], tf.float32) / size
        return {"constant": self.constant(energy, paper=0.5 * size), "size": size}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        return target["constant"] * (parts["squares"] / target["size"])


class Gram(OfLayer):
    """Style by Gram matrices: Gatys et al. (2016, eq. 3-5)."""

    def observe(self, seen: Seen) -> Parts:
        features, guide = seen.features[self.layer], self.guide(seen)
        return {
            "products": channel_products(guided(by_position(features), guide)),
            "positions": positions(features, guide),
        }

    def target(self, parts: Parts) -> Target:
        gram = tf.cast(parts["products"] / parts["positions"], tf.float32)
        return {"gram": gram, "constant": self.constant(mean_square(gram), paper=0.25)}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        gram = parts["products"] / parts["positions"]
        return target["constant"] * mean_square(gram - target["gram"])


class Moments(OfLayer):
    """Style by mean μ and standard deviation σ of each channel.

    mean over channels of (μ - μ')² + (σ - σ')², the statistics of batch normalization
    (Li et al. 2017, section 4.2); in `relative` over the style's mean (μ'² + σ'²).
    """

    def observe(self, seen: Seen) -> Parts:
        features = tf.cast(seen.features[self.layer], tf.float32)
        guide = self.guide(seen)
        return {
            "sums": channel_sums(features, guide),
            "squares": channel_sums(tf.square(features), guide),
            "positions": positions(features, guide),
        }

    def target(self, parts: Parts) -> Target:
        moments = tf.cast(self._moments(parts), tf.float32)
        energy = 2 * mean_square(moments)
        return {"moments": moments, "constant": self.constant(energy)}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        # Twice the mean over both kinds is the mean over channels of their sum.
        error = 2 * mean_square(self._moments(parts) - target["moments"])
        return target["constant"] * error

    @staticmethod
    def _moments(parts: Parts) -> tf.Tensor:
        mean = parts["sums"] / parts["positions"]
        variance = parts["squares"] / parts["positions"] - tf.square(mean)
        # A channel without activity has no slope at σ = 0 without the small constant.
        return tf.stack([mean, tf.sqrt(tf.maximum(variance, 0.0) + 1e-6)])


@dataclass(frozen=True)
class Variation(Term):
    """Total variation of the pixels; see `losses.total_variation`."""

    mean: bool = True  # over pixels and colors, else the sum
    additive: ClassVar[bool] = True
    layer: str | None = None

    def observe(self, seen: Seen) -> Parts:
        top, bottom, left, right = tf.unstack(seen.margins)
        below, beside = tf.minimum(bottom, 1), tf.minimum(right, 1)
        _, height, width, _ = tf.unstack(tf.shape(seen.pixels))
        height, width = height - top - bottom, width - left - right
        size = 1, height + below, width + beside, 3
        inner = tf.slice(seen.pixels, (0, top, left, 0), size)
        return {
            "variation": total_variation(inner, below, beside),
            "positions": tf.cast(3 * height * width, tf.float32),
        }

    def target(self, parts: Parts) -> Target:
        size = parts["positions"] if self.mean else 1.0
        return {"size": tf.cast(size, tf.float32)}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        return parts["variation"] / target["size"]


@dataclass(frozen=True)
class Temporal(Term):
    """What moves keeps its paint: Ruder, Dosovitskiy & Brox (2016, eq. 7).

    1/(3 h w) Σ c (x - ω)², with ω a film's previous result, moved to where things are
    now, and c, in [0, 1], the trust in that at each pixel.
    """

    additive: ClassVar[bool] = True
    layer: str | None = None

    def observe(self, seen: Seen) -> Parts:
        pixels, before = seen.inner(seen.pixels), seen.guides.pixels
        squares = tf.constant(0.0)  # of the content image, which has none before it
        if before:
            moved = pixels - seen.inner(before["previous"])
            squares = tf.reduce_sum(seen.inner(before["trust"]) * tf.square(moved))
        return {"squares": squares, "positions": 3 * positions(pixels)}

    def target(self, parts: Parts) -> Target:
        return {"size": tf.cast(parts["positions"], tf.float32)}

    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        return parts["squares"] / target["size"]


CONTENT_TERMS: dict[str, type[OfLayer]] = {
    "features": Features,
    "self_similarity": SelfSimilarity,
}
STYLE_TERMS: dict[str, type[OfLayer]] = {
    "gram": Gram,
    "moments": Moments,
    "covariance": Covariance,
    "sliced_wasserstein": SlicedWasserstein,
    "nearest": Nearest,
}
"""By the names of `objective.content_loss` and `objective.style_loss`."""
