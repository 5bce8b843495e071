"""The config's objective compiled into groups of terms: the only place that reads it.

    total = content_weight · content + style_weight · style + tv_weight · variation

Each of the three is a group, a sum over its terms; `further` ones come after them and
count in the total as well. Layers of weight 0 have no term, and the network is not run
for them; the variation needs none, and is logged at any weight.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfstyle import config
from tfstyle.config.objective import active, largest
from tfstyle.config.types import Weights
from tfstyle.objective.sampled import Sampled
from tfstyle.objective.term import Parts, Seen, Target, Term
from tfstyle.objective.terms import (
    CONTENT_TERMS,
    STYLE_TERMS,
    Temporal,
    Variation,
)
from tfstyle.vgg.layers import VGG19_LAYERS


@dataclass(frozen=True)
class Group:
    """Terms that are weighted and logged together."""

    name: str  # as in log.csv
    weight: float
    terms: tuple[Term, ...]
    source: str = "content"  # whose target the terms match: content or style


Groups = tuple[Group, ...]

IN_TARGET = ("weight", "formulation", "mean")
"""What terms know that only their `target` depends on; see `Term`."""


def compile_groups(
    options: config.Objective,
    index: int = 0,
    seed: int = 0,
    regions: Sequence[float] = (),
    temporal: float = 0.0,
) -> Groups:
    """Return the groups of an objective at one size, in the order of its log.

    Args:
        options: the config's.
        index: of the size, from the coarsest; weights may differ from size to size.
        seed: chooses the places that terms over samples look at.
        regions: the fraction of the picture that each region is, if styles have
            regions of their own: then each has its own style terms, with that weight.
        temporal: weight of the term that ties a film's frame to the one before, the
            last group if there is any.
    """
    now = options.at(index)
    group = functools.partial(_group, now, seed, regions)
    return (
        group("content", now.content_loss, now.content_weight, now.content_layers),
        group("style", now.style_loss, now.style_weight, now.style_layers),
        Group(
            "variation", largest(now.tv_weight), (Variation(not now.sums_variation),)
        ),
        *(
            group(name, each.loss, each.weight, each.layers)
            for name, each in zip(_names(now.further), now.further, strict=True)
        ),
        *([Group("temporal", temporal, (Temporal(),))] if temporal else []),
    )


def _names(further: Sequence[config.Further]) -> Iterator[str]:
    """Yield the names of further groups: those of their losses, numbered if again."""
    losses = [each.loss for each in further]
    for index, loss in enumerate(losses):
        again = losses[:index].count(loss)
        yield f"{loss}_{again + 1}" if again else loss


def _group(
    now: config.Objective,
    seed: int,
    regions: Sequence[float],
    name: str,
    loss: str,
    weight: Weights,
    layers: Mapping[str, Weights],
) -> Group:
    """Return the terms of one loss, for the layers that have a weight."""
    of_content = loss in CONTENT_TERMS
    kind = (CONTENT_TERMS if of_content else STYLE_TERMS)[loss]
    sampled = issubclass(kind, Sampled)
    extra = {"samples": now.samples, "seed": seed} if sampled else {}
    parts: list[tuple[int | None, float]] = [(None, 1.0)]
    if regions and not of_content:
        parts = [(number, part) for number, part in enumerate(regions) if part]
    terms = tuple(
        kind(layer, part * largest(each), now.formulation, region=region, **extra)
        for layer, each in active(weight, layers).items()
        for region, part in parts
    )
    return Group(name, largest(weight), terms, "content" if of_content else "style")


def with_styles(
    groups: Groups,
    styles: Sequence[config.Style],
    of_style: Sequence[int | None],
) -> Groups:
    """Return the groups without terms that no style counts for.

    In a region whose styles have no `strokes`, say, only their color is wanted.

    Args:
        groups: of one size.
        styles: the config's.
        of_style: the region of each of them.
    """
    pairs = [*zip(styles, of_style, strict=True)]
    return tuple(
        dataclasses.replace(
            group,
            terms=tuple(
                term
                for term in group.terms
                if group.source == "content"
                or any(counts_for(*pair, term) for pair in pairs)
            ),
        )
        for group in groups
    )


def counts_for(style: config.Style, region: int | None, term: Term) -> float:
    """Return the weight of a style, that goes to a region, for a term."""
    if term.region not in (None, region):
        return 0.0
    return style.weight_at(str(term.layer))


def terms_of(groups: Groups) -> list[Term]:
    """Return all terms, group by group."""
    return [term for group in groups for term in group.terms]


def kinds_of(terms: Sequence[Term]) -> tuple[tuple[Any, ...], ...]:
    """Return what a graph of terms depends on: not on what is in their targets."""
    kinds = []
    for term in terms:
        known = vars(term).items()
        kinds.append((type(term), *(v for k, v in known if k not in IN_TARGET)))
    return tuple(kinds)


def layers_of(terms: Sequence[Term]) -> list[str]:
    """Return the layers that terms look at, from shallow to deep."""
    wanted = {term.layer for term in terms}
    return [name for name in VGG19_LAYERS if name in wanted]


def names_of(groups: Groups) -> tuple[str, ...]:
    """Return the names of the losses: "total", then the groups'."""
    return ("total", *(group.name for group in groups))


def observe(terms: Sequence[Term], seen: Seen) -> list[Parts]:
    """Return what each term observes."""
    return [term.observe(seen) for term in terms]


def weigh(
    groups: Groups, distances: Sequence[tf.Tensor], weights: tf.Tensor
) -> tf.Tensor:
    """Return the losses as a vector: the total, then each group's sum.

    Args:
        groups: of the objective.
        distances: a scalar for each of their terms.
        weights: of the groups.
    """
    left = iter(distances)
    sums = [
        tf.add_n([tf.constant(0.0), *(next(left) for _ in group.terms)])
        for group in groups
    ]
    total = weights[0] * sums[0]
    for index, value in enumerate(sums[1:], start=1):
        total += weights[index] * value
    return tf.stack([total, *sums])


def distances(
    terms: Sequence[Term], parts: Sequence[Parts], targets: Sequence[Target]
) -> list[tf.Tensor]:
    """Return the distance of each term."""
    return [
        term.distance(part, target)
        for term, part, target in zip(terms, parts, targets, strict=True)
    ]
