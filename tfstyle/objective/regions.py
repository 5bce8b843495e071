"""What the terms of an objective know of the regions of a picture."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfstyle.objective.guides import Mask, carry, stack
from tfstyle.objective.places import guided_places
from tfstyle.objective.sampled import Sampled
from tfstyle.objective.term import Guides, Term


def make_guides(masks: Sequence[Mask], terms: Iterable[Term]) -> Guides:
    """Return the guides of a picture's regions, as terms need them.

    Args:
        masks: of the regions, of the picture's size.
        terms: those that observe one region each.
    """
    weights: dict[str, tf.Tensor] = {}
    places: dict[str, tf.Tensor] = {}
    for term in terms:
        if term.layer is None or term.region is None:
            continue
        if isinstance(term, Sampled):
            if term.layer not in places:
                places[term.layer] = tf.constant(_places(masks, term))
        elif term.layer not in weights:
            weights[term.layer] = tf.constant(stack(masks, term.layer))
    return Guides(weights, places)


def _places(masks: Iterable[Mask], term: Sampled) -> npt.NDArray[np.int32]:
    """Return the places that a term samples in each region, (regions, samples, 2)."""
    found = []
    for mask in masks:
        guide = carry(mask, term.layer)
        guide = guide if guide.any() else np.ones_like(guide)  # of a term left out
        found.append(guided_places(guide, term.samples, term.seed))
    return np.stack(found)
