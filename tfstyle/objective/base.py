"""What every evaluator of the objective has in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfstyle.objective.groups import Groups, names_of, terms_of
from tfstyle.objective.term import NO_GUIDES, Guides, Parts, Term

Observed = Sequence[tuple[Parts, float] | None]
"""What each style term observed in a style image, and the image's weight there; None
for terms that do not look at it."""

FIRST_LOSS_SCALE, LAST_LOSS_SCALE = 2.0**24, 2.0**-24
"""For float16: tried from the first, divided by 16 until the gradient is finite."""


class Objective(ABC):
    """The objective of one size, as a function of the image.

    `aim` measures what is to be matched; then `value_and_gradient` evaluates images.

    Args:
        groups: the terms and their weights, from `groups.compile_groups`.
        half_precision: the network computes in float16, so its gradients are scaled.

    Attributes:
        names: of the losses: "total", then the groups'.
        loss_scale: of float16; its gradients are too small unless the total is scaled
            up (Micikevicius et al. 2018, section 3.2). bfloat16 has float32's range.
    """

    def __init__(self, groups: Groups, half_precision: bool = False) -> None:
        self.groups, self.names = groups, names_of(groups)
        self.terms = terms_of(groups)
        self.weights = tf.constant([group.weight for group in groups], tf.float32)
        self.half_precision = half_precision
        first = FIRST_LOSS_SCALE if half_precision else 1.0
        self.loss_scale = tf.Variable(first, trainable=False)
        self.targets: list[Any] = []  # one for each term, as in `terms`
        self.content: Any = {}  # what terms compare in place
        self.guides = NO_GUIDES  # of the image; see `term.Seen`

    @abstractmethod
    def observe(
        self, image: tf.Tensor, terms: Sequence[Term], guides: Guides = NO_GUIDES
    ) -> list[Parts]:
        """Return what terms observe in an image, (1, h, w, 3) in [0, 1]."""

    @abstractmethod
    def keep(self, content: tf.Tensor, terms: Sequence[Term]) -> list[Parts]:
        """Do the same for the content image, and keep what is compared in place."""

    @abstractmethod
    def evaluate(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return losses and gradient of an image, at the present loss scale."""

    def aim(
        self,
        content: tf.Tensor,
        styles: Sequence[Observed],
        guides: Guides = NO_GUIDES,
    ) -> None:
        """Measure the targets.

        Several styles become one target; see `term.Term.mix`.

        Args:
            content: (1, h, w, 3), in [0, 1].
            styles: for each of them what the `style_terms` observed.
            guides: of the image, if there are regions.
        """
        self.guides = guides
        of_content = [t for g in self.groups if g.source == "content" for t in g.terms]
        sources = {
            "content": iter(self.keep(content, of_content)),
            "style": iter(_mixed(self.style_terms, styles)),
        }
        parts = [next(sources[g.source]) for g in self.groups for _ in g.terms]
        self.targets = [
            term.target(each) for term, each in zip(self.terms, parts, strict=True)
        ]

    @property
    def style_terms(self) -> tuple[Term, ...]:
        """The terms whose target is measured on style images."""
        return tuple(t for g in self.groups if g.source == "style" for t in g.terms)

    def value_and_gradient(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the losses of an image (1, h, w, 3) in [0, 1], and their gradient.

        Returns:
            A vector of losses by `names`, and the gradient of the total, (1, h, w, 3);
            both float32.
        """
        losses, gradient = self.evaluate(image)
        while self.half_precision and self._lower(gradient):
            losses, gradient = self.evaluate(image)
        return losses, gradient

    def losses(self, image: tf.Tensor) -> dict[str, float]:
        """Return the losses of an image, (1, h, w, 3) in [0, 1], by name."""
        losses, _ = self.value_and_gradient(image)
        return self._named(losses)

    def _named(self, losses: tf.Tensor) -> dict[str, float]:
        return dict(zip(self.names, map(float, losses.numpy()), strict=True))

    def _lower(self, gradient: tf.Tensor) -> bool:
        """Lower the loss scale if the gradient is not finite; return whether it was."""
        if (
            tf.reduce_all(tf.math.is_finite(gradient))
            or self.loss_scale <= LAST_LOSS_SCALE
        ):
            return False
        self.loss_scale.assign(self.loss_scale / 16)
        return True


def _mixed(terms: Sequence[Term], styles: Sequence[Observed]) -> list[Parts]:
    """Return for each of the style terms what all styles are to it as one."""
    return [
        term.mix([each for each in observed if each is not None])
        for term, *observed in zip(terms, *styles, strict=True)
    ]
