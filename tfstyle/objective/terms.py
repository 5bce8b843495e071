"""The terms of the objective: what each observes in a picture, and how far that is off.

A term is three functions and an addition:

    observe(seen)            parts of what it needs: of a tile, or of the whole picture
    add(parts, parts)        what two tiles have together: the same for all terms
    target(parts)            what is to be matched, from the content or style image
    distance(parts, target)  a scalar, at least 0

`observe` and `distance` are differentiable. The whole picture is one tile, so
`tfstyle.objective.whole` and `tfstyle.objective.tiled` evaluate the same formulas.

Each formulation (`objective.formulation`) is the same mean with another constant:

    relative  content = mean (F - P)² / mean P²    gram = mean (G - A)² / mean A²
    mean      content = mean (F - P)²              gram = mean (G - A)²
    paper     content = ½ Σ (F - P)²               gram = ¼ mean (G - A)²

`paper` is Gatys et al. (2016, eq. 1-7): with G a mean over positions, a quarter of the
mean over C² pairs is their 1/(4 C² M²) Σ (M G - M A)². `relative` is ours: 0.01 reads
as 1 % of the target's own energy, so weights keep their meaning from layer to layer,
size to size and picture to picture.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import tensorflow as tf

from tfstyle.objective.losses import (
    by_position,
    channel_products,
    channel_sums,
    mean_square,
    positions,
    total_variation,
)

Parts = Mapping[str, Any]
"""What a term observed: tensors that add up over tiles (float64 arrays on the host)."""

Target = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Seen:
    """A tile of a picture, or the whole, as terms look at it."""

    features: Mapping[str, tf.Tensor]  # layer: F, (1, h, w, C)
    content: Mapping[str, tf.Tensor]  # the content image's P at the same places;
    # empty while the content or style image itself is measured
    pixels: tf.Tensor  # (1, h, w, 3), in [0, 1], with a halo of `margins`
    margins: tf.Tensor  # (4,): pixels at the top, bottom, left and right; 0 at borders
    origins: Mapping[str, tf.Tensor] = field(default_factory=dict)
    # layer: (4,), top and left of its F in the whole picture's, whose height and width
    # follow; of a whole picture empty


class Term(ABC):
    """A summand of the objective, with its weight among those of its group."""

    additive: ClassVar[bool] = False  # distances of tiles add up: one pass will do
    compares: ClassVar[bool] = False  # it needs `Seen.content`
    layer: str | None  # whose features it observes; None for pixels alone

    @abstractmethod
    def observe(self, seen: Seen) -> Parts:
        """Return sums over positions, with their number as `positions`."""

    def mix(self, styles: list[tuple[Parts, float]]) -> Parts:
        """Return what several styles, each with a weight, are together."""
        return mixed(styles)

    @abstractmethod
    def target(self, parts: Parts) -> Target:
        """Return what to match; all constants and weights are in it as well."""

    @abstractmethod
    def distance(self, parts: Parts, target: Target) -> tf.Tensor:
        """Return how far parts are from the target, times weight and constants."""


@dataclass(frozen=True)
class OfLayer(Term):
    """What terms over one layer have in common."""

    layer: str
    weight: float = 1.0  # among the layers of its group
    formulation: str = "relative"

    def constant(self, energy: tf.Tensor, paper: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Return the weight times the formulation's constant.

        Args:
            energy: what the mean squared error is relative to.
            paper: the constant of that formulation.
        """
        if self.formulation == "relative":
            # A target of zeros (a black picture in a layer without bias) has nothing
            # to be relative to: the floor keeps the quotient finite.
            return self.weight * (1 / tf.maximum(energy, 1e-12))
        return tf.constant(self.weight) * (paper if self.formulation == "paper" else 1)


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
        features = seen.features[self.layer]
        return {
            "products": channel_products(by_position(features)),
            "positions": positions(features),
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
        return {
            "sums": channel_sums(features),
            "squares": channel_sums(tf.square(features)),
            "positions": positions(features),
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
        # A channel that never fires has no slope at σ = 0 without the small constant.
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


CONTENT_TERMS: dict[str, type[OfLayer]] = {"features": Features}
STYLE_TERMS: dict[str, type[OfLayer]] = {"gram": Gram, "moments": Moments}
"""By the names of `objective.style_loss`."""


def add(parts: Parts, more: Parts) -> Parts:
    """Return what two tiles have together, or a tile and nothing yet."""
    return {name: parts[name] + more[name] for name in more} if parts else more


def mixed(styles: list[tuple[Parts, float]]) -> Parts:
    """Return the parts of several styles as one: their means over positions, weighted.

    The gradient to a mixed Gram matrix is that of the weighted sum of the losses, at
    the cost of one.
    """
    if len(styles) == 1:
        return styles[0][0]
    total: Parts = {}
    for parts, weight in styles:
        fraction = weight / parts["positions"]
        total = add(total, {name: part * fraction for name, part in parts.items()})
    return total
