"""What runs of one process may have in common, so that the next begins sooner.

Networks, traced graphs and what was measured on style images, each by all that it
depends on, and bounded: what was not used for longest is dropped.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfstyle.config import StyleConfig
from tfstyle.engine.context import Context
from tfstyle.engine.inputs import ScaledInputs
from tfstyle.engine.plan import Plan
from tfstyle.engine.schedule import Scale
from tfstyle.images import Picture
from tfstyle.objective.base import Objective
from tfstyle.objective.groups import Groups, compile_groups
from tfstyle.objective.terms import Parts
from tfstyle.objective.tiled import OnTile, Tiled, TiledGraphs
from tfstyle.objective.whole import Whole, whole_graph
from tfstyle.system.replicas import all_replicas
from tfstyle.vgg.extractor import cut, pretrained


class Bounded:
    """Things by key, made when they are first needed.

    Args:
        most: that `trim` leaves.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what has this key."""
        if key not in self._things:
            self._things[key] = make()
        self._things.move_to_end(key)
        return self._things[key]

    def trim(self) -> bool:
        """Drop what was not used for longest; return whether there was too much."""
        dropped = len(self._things) > self._most
        while len(self._things) > self._most:
            self._things.popitem(last=False)
        return dropped


class Kept:
    """What is kept between runs.

    Args:
        networks: with all their weights, 80 MB each.
        graphs: traced, each for one size of picture and one set of terms.
        styles: images measured at one size, up to 6 MB each.
    """

    def __init__(self, networks: int = 2, graphs: int = 8, styles: int = 16) -> None:
        self._pretrained = Bounded(networks)
        self._extractors = Bounded(graphs)
        self._graphs = Bounded(graphs)
        self._styles = Bounded(styles)

    def network(self, config: StyleConfig, precision: str) -> keras.Model | None:
        """Return the extractor of the layers that have a weight; None if none has."""
        layers, options = tuple(config.objective.layers), config.extractor
        if not layers:
            return None
        key = options.weights, options.normalized, precision

        def make() -> keras.Model:
            whole = self._pretrained.get(key, lambda: pretrained(*key))
            return cut(whole, layers, options.pooling, precision)

        with all_replicas().strategy.scope():
            network: keras.Model = self._extractors.get(
                (key, options.pooling, layers), make
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
        groups = compile_groups(context.config.objective)
        objective = self._unaimed(context, scaled, plan, groups, on_tile)
        styles = self._measured_styles(context, scaled, plan, objective)
        objective.aim(to_tensor(scaled.content), styles)
        return objective

    def trim(self) -> None:
        """Drop what is too much; what TensorFlow holds of it is freed."""
        every = self._pretrained, self._extractors, self._graphs, self._styles
        if any([each.trim() for each in every]):
            gc.collect()  # graphs and networks point at themselves

    def _unaimed(
        self,
        context: Context,
        scaled: ScaledInputs,
        plan: Plan,
        groups: Groups,
        on_tile: OnTile | None,
    ) -> Objective:
        network = self.network(context.config, context.precision)
        half = context.precision == "float16"
        key = _network_key(context), _structure(groups), scaled.size
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
    ) -> list[tuple[list[Parts], float]]:
        """Return what the style terms observe in each style, and its weight."""
        terms = objective.style_terms
        if not terms:
            return []
        kinds = _network_key(context), tuple((type(t), t.layer) for t in terms)
        measured = []
        for index, style in enumerate(context.config.styles):
            checksum = context.inputs.checksums[f"styles.{index}"]
            key = (*kinds, checksum, scaled.style_sizes[index], plan.tile)

            def measure(index: int = index) -> list[Parts]:
                return objective.observe(to_tensor(scaled.style(index)), terms)

            measured.append((self._styles.get(key, measure), style.weight))
        return measured


def _network_key(context: Context) -> tuple[Any, ...]:
    """Return all that the features of a picture depend on."""
    options = context.config.extractor
    layers = tuple(context.config.objective.layers)
    return (
        options.weights,
        options.normalized,
        options.pooling,
        context.precision,
        layers,
    )


def _structure(groups: Groups) -> tuple[Any, ...]:
    """Return what a graph of these groups depends on: not on weights or targets."""
    return tuple(
        (group.name, tuple((type(term), term.layer) for term in group.terms))
        for group in groups
    )


def to_tensor(picture: Picture) -> tf.Tensor:
    """Return (1, height, width, 3) on TensorFlow's device."""
    return tf.constant(picture[None], tf.float32)
