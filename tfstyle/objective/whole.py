"""The objective of a picture as a whole: one graph, one pass."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfstyle.objective.base import Objective
from tfstyle.objective.groups import (
    Groups,
    distances,
    layers_of,
    observe,
    terms_of,
    weigh,
)
from tfstyle.objective.term import NO_GUIDES, Guides, Parts, Seen, Term

Network = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]
"""An image (1, h, w, 3) in [0, 1] to features by layer; see `tfstyle.vgg.extractor`."""

NO_MARGINS = (0, 0, 0, 0)


class Whole(Objective):
    """The objective of one size, evaluated on the whole picture.

    Args:
        network: image to features; None if no layer counts.
        groups: terms and weights.
        graph: from `whole_graph` of the same network and terms; made if there is none.
        half_precision: the network computes in float16, so its gradients are scaled.
    """

    def __init__(
        self,
        network: Network | None,
        groups: Groups,
        graph: Callable[..., Any] | None = None,
        half_precision: bool = False,
    ) -> None:
        super().__init__(groups, half_precision)
        self._network = network
        self._graph = graph or whole_graph(network, groups)

    def observe(
        self, image: tf.Tensor, terms: Sequence[Term], guides: Guides = NO_GUIDES
    ) -> list[Parts]:
        return observe(terms, self._see(image, terms, guides))

    def keep(self, content: tf.Tensor, terms: Sequence[Term]) -> list[Parts]:
        seen = self._see(content, terms, NO_GUIDES)
        compared = layers_of([term for term in terms if term.compares])
        self.content = {layer: seen.features[layer] for layer in compared}
        return observe(terms, seen)

    def evaluate(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        losses, gradient = self._graph(
            image,
            self.content,
            self.guides,
            self.targets,
            self.weights,
            self.loss_scale.read_value(),
        )
        return losses, gradient

    def losses(self, image: tf.Tensor) -> dict[str, float]:
        """Do without the gradient, whose memory a mere measure does not need."""
        seen = self._see(image, self.terms, self.guides, self.content)
        each = distances(self.terms, observe(self.terms, seen), self.targets)
        return self._named(weigh(self.groups, each, self.weights))

    def _see(
        self,
        image: tf.Tensor,
        terms: Sequence[Term],
        guides: Guides,
        content: Mapping[str, tf.Tensor] | None = None,
    ) -> Seen:
        features = self._network(image) if self._network and layers_of(terms) else {}
        margins = tf.constant(NO_MARGINS)
        return Seen(features, content or {}, image, margins, guides=guides)


def whole_graph(network: Network | None, groups: Groups) -> Callable[..., Any]:
    """Return a graph of the objective: the same one serves any targets and weights.

    Its arguments are the image, what is compared in place, guides, targets, group
    weights and loss scale; it returns losses and gradient.
    """
    terms = terms_of(groups)

    def compute(
        image: tf.Tensor,
        content: Mapping[str, tf.Tensor],
        guides: Guides,
        targets: Sequence[Any],
        weights: tf.Tensor,
        loss_scale: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            features = network(image) if network and layers_of(terms) else {}
            margins = tf.constant(NO_MARGINS)
            seen = Seen(features, content, image, margins, guides=guides)
            parts = observe(terms, seen)
            losses = weigh(groups, distances(terms, parts, targets), weights)
            scaled = losses[0] * loss_scale
        return losses, tape.gradient(scaled, image) / loss_scale

    # AutoGraph, which nothing here needs, writes files and fails on a full disk.
    graph: Callable[..., Any] = tf.function(compute, autograph=False)
    return graph
