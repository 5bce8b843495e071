"""What runs of one process may have in common, so that the next begins sooner.

Networks, traced graphs and what was measured on style images, each by all that it
depends on, and bounded: what was not used for longest is dropped.
"""

import gc
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfstyle.config import StyleConfig
from tfstyle.engine.context import Context
from tfstyle.engine.plan import Plan
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale
from tfstyle.images import Direction, Picture
from tfstyle.objective.base import Objective, Observed
from tfstyle.objective.groups import (
    Groups,
    compile_groups,
    counts_for,
    kinds_of,
    layers_of,
    terms_of,
    with_styles,
)
from tfstyle.objective.guides import Mask
from tfstyle.objective.regions import make_guides
from tfstyle.objective.term import NO_GUIDES, Guides, Term
from tfstyle.objective.tile_graphs import TiledGraphs
from tfstyle.objective.tiled import OnTile, Tiled
from tfstyle.objective.whole import Whole, whole_graph
from tfstyle.system.devices import drawing_nothing
from tfstyle.system.replicas import all_replicas
from tfstyle.vgg.extractor import cut, pretrained
from tfstyle.vgg.weights import identity

Store = Callable[[Any, Callable[[], Any]], Any]
"""From a key, and what measures it, to what was measured on a style image."""


class Bounded:
    """Things by key, made when they are first needed.

    Args:
        most: that `trim` leaves.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: dict[Any, Any] = {}  # what was used last is at the end

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what has this key."""
        thing = self._things.pop(key, None)
        if thing is None:
            thing = make()
        self._things[key] = thing
        return thing

    def trim(self) -> list[Any]:
        """Drop what was not used for longest; return the keys of what was too much."""
        return self.drop([*self._things][: max(0, len(self._things) - self._most)])

    def drop(self, keys: Iterable[Any]) -> list[Any]:
        """Drop what has these keys, if it is there; return them."""
        return [key for key in keys if self._things.pop(key, None) is not None]

    def __iter__(self) -> Iterator[Any]:
        """Yield the keys of all things, those used last at the end."""
        return iter([*self._things])


class Kept:
    """What is kept between runs.

    Args:
        networks: with all their weights, 80 MB each.
        graphs: traced, each for one size of picture and one set of terms.
        styles: images measured at one size, up to 6 MB each.
        store: where these are kept for other processes as well; None for nowhere.
    """

    def __init__(
        self,
        networks: int = 2,
        graphs: int = 8,
        styles: int = 16,
        store: Store | None = None,
    ) -> None:
        self._pretrained = Bounded(networks)
        self._extractors = Bounded(graphs)
        self._graphs = Bounded(graphs)
        self._styles = Bounded(styles)
        self._store = store or (lambda key, measure: measure())

    def network(
        self,
        config: StyleConfig,
        precision: str,
        layers: Sequence[str] | None = None,
    ) -> keras.Model | None:
        """Return the extractor of some layers; None if there is none of them.

        Args:
            config: all options.
            precision: that the network computes in.
            layers: by default all that have a weight at some size.
        """
        layers = config.objective.layers if layers is None else layers
        if not layers:
            return None
        options = config.extractor
        whole_key, *how = _network_key(config, precision)

        def load() -> keras.Model:
            return pretrained(options.weights, options.normalized, precision)

        with all_replicas().strategy.scope(), drawing_nothing():
            whole = self._pretrained.get(whole_key, load)
            network: keras.Model = self._extractors.get(
                (whole_key, *how, *layers),
                lambda: cut(whole, layers, options.pooling, precision, options.padding),
            )
        return network

    def objective(
        self,
        context: Context,
        scale: Scale,
        plan: Plan,
        on_tile: OnTile | None = None,
        scaled: ScaledInputs | None = None,
    ) -> Objective:
        """Return the objective of one size, with its targets measured."""
        scaled = scaled or context.scaled(scale)
        config, regions = context.config, scaled.regions
        compiled = compile_groups(
            config.objective,
            scale.index,
            config.seed,
            regions.fractions,
            config.video.temporal_weight if scaled.previous is not None else 0.0,
        )
        groups = with_styles(compiled, config.styles, regions.of_style)
        with drawing_nothing():
            objective = self._unaimed(context, scaled, plan, groups, on_tile)
        styles = self._measured_styles(context, scaled, plan, objective)
        guides = _guides(regions.masks, objective.style_terms)
        guides = guides._replace(pixels=_before(scaled))
        objective.aim(to_tensor(scaled.content), styles, guides)
        return objective

    def trim(self) -> None:
        """Drop what is too much; what TensorFlow holds of it is freed."""
        networks = self._pretrained.trim()
        dropped = [*networks, *self._styles.trim()]
        for things in (self._extractors, self._graphs):  # they hold networks
            dropped += things.drop(key for key in things if key[0] in networks)
            dropped += things.trim()
        if dropped:
            gc.collect()  # graphs and networks point at themselves

    def _unaimed(
        self,
        context: Context,
        scaled: ScaledInputs,
        plan: Plan,
        groups: Groups,
        on_tile: OnTile | None,
    ) -> Objective:
        layers = layers_of(terms_of(groups))
        network = self.network(context.config, context.precision, layers)
        half = context.precision == "float16"
        key = (
            *_network_key(context.config, context.precision),
            *(tuple(kinds_of(group.terms) for group in groups), scaled.size),
        )
        if plan.tile is None:
            graph = self._graphs.get(key, lambda: whole_graph(network, groups))
            return Whole(network, groups, graph, half)
        keep = plan.keep_content
        graphs = self._graphs.get(
            (*key, plan.tile, keep),
            lambda: TiledGraphs(network, groups, keep, all_replicas()),
        )
        return Tiled(graphs, groups, plan.tile, half, on_tile)

    def _measured_styles(
        self,
        context: Context,
        scaled: ScaledInputs,
        plan: Plan,
        objective: Objective,
    ) -> list[Observed]:
        """Return what the terms observe in each style, turned as the config says."""
        if not objective.style_terms:
            return []
        seen = _network_key(context.config, context.precision), context.coloring.key
        return [
            self._observed((*seen, plan.tile), scaled, objective, index, turn)
            for index, turn in itertools.product(
                range(len(context.config.styles)), scaled.directions
            )
        ]

    def _observed(
        self,
        key: tuple[Any, ...],
        scaled: ScaledInputs,
        objective: Objective,
        index: int,
        turn: Direction,
    ) -> Observed:
        """Return what those of the style terms observe that one style counts for."""
        style, region = scaled.config.styles[index], scaled.regions.of_style[index]
        weights = {
            term: counts_for(style, region, term) for term in objective.style_terms
        }
        terms = tuple(term for term, weight in weights.items() if weight)

        def measure() -> Any:
            mask = scaled.source_mask(index, turn)
            guides = _guides([mask] * len(scaled.regions.masks), terms)
            return objective.observe(
                to_tensor(scaled.style(index, turn)), terms, guides
            )

        key = *key, kinds_of(terms), *_style_key(scaled, index), turn

        def find() -> Any:
            return self._store(key, measure)

        found = self._styles.get(key, find) if terms else []
        parts = dict(zip(terms, found, strict=True))
        return [
            (parts[term], weights[term]) if term in parts else None
            for term in objective.style_terms
        ]


def _network_key(config: StyleConfig, precision: str) -> tuple[Any, ...]:
    """Return all that the features of a picture depend on: first, the whole network."""
    options = config.extractor
    whole = identity(options.weights), options.normalized, precision
    return whole, options.pooling, options.padding


def _style_key(scaled: ScaledInputs, index: int) -> tuple[Any, ...]:
    """Return all that a style image of one size depends on."""
    inputs = scaled.inputs
    return (
        inputs.styles[index].shape,
        inputs.checksums[f"styles.{index}"],
        inputs.checksums.get(f"styles.{index}.style_mask"),
        scaled.style_sizes[index],
    )


def _guides(masks: Sequence[Mask], terms: Sequence[Term]) -> Guides:
    """Return the guides of a picture's regions, for terms."""
    return make_guides(masks, terms) if masks else NO_GUIDES


def _before(scaled: ScaledInputs) -> dict[str, tf.Tensor]:
    """Return what the temporal term compares a film's frame with."""
    if scaled.previous is None or scaled.trust is None:
        return {}
    return {"previous": to_tensor(scaled.previous), "trust": to_tensor(scaled.trust)}


def to_tensor(picture: Picture) -> tf.Tensor:
    """Return (1, height, width, 3) on TensorFlow's device."""
    return tf.constant(picture[None], tf.float32)
