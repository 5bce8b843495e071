"""What a term of the objective is: what it observes, and how far that is off.

A term is three functions and an addition:

    observe(seen)            parts of what it needs: of a tile, or of the whole picture
    add(parts, parts)        what two tiles have together: the same for all terms
    target(parts)            what is to be matched, from the content or style image
    distance(parts, target)  a scalar, at least 0

`observe` and `distance` are differentiable. The whole picture is one tile, so
`tfstyle.objective.whole` and `tfstyle.objective.tiled` evaluate the same formulas.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

Parts = Mapping[str, Any]
"""What a term observed: tensors that add up over tiles (float64 arrays on the host)."""

Target = Mapping[str, tf.Tensor]


class Guides(NamedTuple):
    """Where the regions of a picture are, in the layers of terms that have one."""

    weights: Mapping[str, tf.Tensor] = {}
    # layer: how much its places count in each region, (1, h, w, regions), in [0, 1]
    places: Mapping[str, tf.Tensor] = {}
    # layer: row and column of sampled places in each region, (regions, samples, 2)
    pixels: Mapping[str, tf.Tensor] = {}
    # of a film: "previous" result, (1, h, w, 3), and "trust" in it, (1, h, w, 1)


NO_GUIDES = Guides()


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
    guides: Guides = NO_GUIDES  # of the tile, but places of the whole picture

    def inner(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return pixels of the tile, (1, h, w, any), without their halo."""
        top, bottom, left, right = tf.unstack(self.margins)
        _, height, width, _ = tf.unstack(tf.shape(pixels))
        size = (1, height - top - bottom, width - left - right, pixels.shape[-1])
        return tf.slice(pixels, (0, top, left, 0), size)


class Term(ABC):
    """A summand of the objective, with its weight among those of its group."""

    additive: ClassVar[bool] = False  # distances of tiles add up: one pass will do
    compares: ClassVar[bool] = False  # it needs `Seen.content`
    layer: str | None  # whose features it observes; None for pixels alone
    region: int | None = None  # whose places it observes; None for all

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
    region: int | None = None

    def guide(self, seen: Seen) -> tf.Tensor | None:
        """Return how much each place counts, (1, h, w, 1); None if all are alike."""
        if self.region is None:
            return None
        return seen.guides.weights[self.layer][..., self.region : self.region + 1]

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
    weights = sum(weight for _, weight in styles)
    for parts, weight in styles:
        fraction = weight / weights / parts["positions"]
        total = add(total, {name: part * fraction for name, part in parts.items()})
    return total
