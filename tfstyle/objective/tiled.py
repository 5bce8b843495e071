"""The objective of a picture too large for memory, the same value and gradient.

Matching each tile by itself would paint every tile with the whole style: a different
and worse picture. But what a term observes adds up, so that of the whole picture, and
the exact gradient, can be had tile by tile:

1. Observe all tiles and add up, without any gradient.
2. Differentiate the terms' distances with respect to those sums, once.
3. For each tile the gradient of ⟨that cotangent, what is observed in the tile⟩, and of
   the distance of additive terms, added into the image's gradient.

A layer sees further than a tile, so each comes with a halo (see `tfstyle.vgg.tiles`),
whose gradient is that of the neighbors' pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle.objective.base import Objective
from tfstyle.objective.cutting import Tile, crop_of, cut_tiles, put
from tfstyle.objective.groups import (
    Groups,
    distances,
    kinds_of,
    layers_of,
    observe,
    terms_of,
    weigh,
)
from tfstyle.objective.terms import Parts, Seen, Term, add
from tfstyle.system.replicas import Replicas
from tfstyle.vgg.tiles import TileNetwork, tile_network

OnTile = Callable[[int, int], object]
"""Called after each tile with those done and those to do in the evaluation."""


class TiledGraphs:
    """The graphs over a tile; the same ones serve any targets, weights and pictures.

    Args:
        network: from `tfstyle.vgg.extractor.vgg19`.
        groups: terms and weights.
        keep_content: content features come as such, not as the picture to see again.
        replicas: share the tiles.
    """

    def __init__(
        self,
        network: keras.Model,
        groups: Groups,
        keep_content: bool = True,
        replicas: Replicas | None = None,
    ) -> None:
        self.replicas = replicas or Replicas()
        self.keep_content = keep_content
        self.terms = terms_of(groups)
        self.observed = tuple(term for term in self.terms if not term.additive)
        self.compared = layers_of([term for term in self.terms if term.compares])
        self._network = network
        self._group_of = [i for i, group in enumerate(groups) for _ in group.terms]
        self.network = self._cut(layers_of(self.terms))
        self.gradient = self.replicas.compile(self._gradient)
        self.observers: dict[Any, tuple[TileNetwork, Callable[..., Any]]] = {}

    def _cut(self, layers: Sequence[str]) -> TileNetwork:
        with self.replicas.strategy.scope():
            return tile_network(self._network, layers)

    def observe(
        self, terms: Sequence[Term], keep: tuple[str, ...] = ()
    ) -> tuple[TileNetwork, Callable[..., Any]]:
        """Return a graph of what terms observe, and of the features to keep."""
        key = kinds_of(terms), keep
        if key not in self.observers:
            self.observers[key] = self._observing(terms, keep)
        return self.observers[key]

    def _observing(
        self, terms: Sequence[Term], keep: tuple[str, ...]
    ) -> tuple[TileNetwork, Callable[..., Any]]:
        network = self._cut(layers_of(terms))

        def see(image: tf.Tensor, crop: tf.Tensor, margins: tf.Tensor) -> Any:
            pixels = crop_of(image, crop)
            features = network(pixels, margins)
            origins = _origins(network, image, crop, margins)
            parts = observe(terms, Seen(features, {}, pixels, margins, origins))
            return parts, {layer: features[layer] for layer in keep}

        return network, self.replicas.compile(see)

    def _gradient(
        self,
        image: tf.Tensor,
        content: Any,
        targets: Sequence[Any],
        cotangents: Sequence[Any],
        weights: tf.Tensor,
        loss_scale: tf.Tensor,
        crop: tf.Tensor,
        margins: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a tile's distances of additive terms, and its gradient with halo."""
        pixels = crop_of(image, crop)
        beside = self._beside(content, crop, margins)
        origins = _origins(self.network, image, crop, margins)
        found, total, waiting = [], tf.constant(0.0), iter(cotangents)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            features = self.network(pixels, margins)
            seen = Seen(features, beside, pixels, margins, origins)
            for index, term in enumerate(self.terms):
                parts = term.observe(seen)
                if term.additive:
                    found.append(term.distance(parts, targets[index]))
                    total += weights[self._group_of[index]] * found[-1]
                else:
                    total += _product(next(waiting), parts)
            scaled = total * loss_scale
        gradient = tape.gradient(scaled, pixels) / loss_scale
        return tf.stack(found) if found else tf.zeros(0), gradient

    def _beside(
        self, content: Any, crop: tf.Tensor, margins: tf.Tensor
    ) -> Mapping[str, tf.Tensor]:
        """Return the content's features of a tile."""
        if not self.compared:
            return {}
        if not self.keep_content:
            seen = self.network(crop_of(content, crop), margins)
            return {layer: tf.stop_gradient(seen[layer]) for layer in self.compared}
        top_left = crop[:2] + margins[::2]  # without the halo
        size = crop[2:] - margins[::2] - margins[1::2]
        found = {}
        for layer in self.compared:
            stride = self.network.strides[layer]
            top, left = tf.unstack(top_left // stride)
            height, width = tf.unstack(size // stride)
            box = (1, height, width, content[layer].shape[-1])
            found[layer] = tf.slice(content[layer], (0, top, left, 0), box)
        return found


def _origins(
    network: TileNetwork, image: tf.Tensor, crop: tf.Tensor, margins: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Return where a tile's features lie in those of the picture; see `terms.Seen`."""
    top_left = crop[:2] + margins[::2]  # without the halo
    pixels = tf.concat([top_left, tf.shape(image)[1:3]], 0)
    return {layer: pixels // stride for layer, stride in network.strides.items()}


def _product(cotangent: Parts, parts: Parts) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(cotangent[name] * parts[name]) for name in parts])


class Tiled(Objective):
    """The objective of one size, as `tfstyle.objective.whole.Whole`, in bounded memory.

    Value and gradient are those of the whole picture but for rounding.

    Args:
        graphs: over a tile, of the same groups.
        groups: terms and weights; some layer counts.
        size: of a tile, in pixels.
        half_precision: the network computes in float16, so its gradients are scaled.
        on_tile: watches; what it raises ends the evaluation.
    """

    def __init__(
        self,
        graphs: TiledGraphs,
        groups: Groups,
        size: int,
        half_precision: bool = False,
        on_tile: OnTile | None = None,
    ) -> None:
        super().__init__(groups, half_precision)
        self.size = size
        self._graphs, self._replicas = graphs, graphs.replicas
        self._on_tile = on_tile or (lambda done, count: None)

    def observe(
        self, image: tf.Tensor, terms: Sequence[Term], passes: int = 1
    ) -> list[Parts]:
        """Return what terms observe in an image: the first of so many passes."""
        network, graph = self._graphs.observe(terms)
        total: list[Parts] = [{} for _ in terms]
        for _, (parts, _) in self._each(graph, network, (image,), image, 0, passes):
            total = _added(total, parts)
        return self._over_processes(total)

    def keep(self, content: tf.Tensor, terms: Sequence[Term]) -> list[Parts]:
        layers = tuple(self._graphs.compared) if self._graphs.keep_content else ()
        network, graph = self._graphs.observe(terms, layers)
        total: list[Parts] = [{} for _ in terms]
        kept: dict[str, np.ndarray] = {}
        for tile, (parts, features) in self._each(graph, network, (content,), content):
            total = _added(total, parts)
            for layer, found in features.items():
                _keep(kept, layer, found.numpy(), tile, network, content.shape)
        self.content = {layer: tf.constant(array) for layer, array in kept.items()}
        if not self._graphs.keep_content:
            self.content = content
        return self._over_processes(total)

    def evaluate(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found, cotangents = self._first_pass(image)
        sums, gradient = self._second_pass(image, cotangents)
        left, added = iter(found), iter(sums)
        each = [next(added if term.additive else left) for term in self.terms]
        return weigh(self.groups, each, self.weights), tf.constant(gradient)

    def _first_pass(
        self, image: tf.Tensor
    ) -> tuple[Sequence[tf.Tensor], Sequence[Parts]]:
        """Return distances and cotangents of what has to be observed before."""
        terms = self._graphs.observed
        if not terms:
            return [], []
        parts = tf.nest.map_structure(
            lambda array: tf.constant(array, tf.float32),
            self.observe(image, terms, passes=2),
        )
        mine = [term.additive for term in self.terms]
        targets = [t for t, other in zip(self.targets, mine, strict=True) if not other]
        weights = [
            group.weight for group in self.groups for t in group.terms if not t.additive
        ]
        with tf.GradientTape() as tape:
            tape.watch(parts)
            found = distances(terms, parts, targets)
            total = tf.add_n([w * d for w, d in zip(weights, found, strict=True)])
        none = tf.UnconnectedGradients.ZERO
        return found, tape.gradient(total, parts, unconnected_gradients=none)

    def _second_pass(
        self, image: tf.Tensor, cotangents: Sequence[Parts]
    ) -> tuple[list[tf.Tensor], np.ndarray]:
        """Return the distances of additive terms, and the gradient of the total."""
        shared = (
            *(image, self.content, self.targets, cotangents, self.weights),
            self.loss_scale.read_value(),
        )
        # In float64, the order of the tiles leaves no trace in float32.
        gradient, sums = np.zeros(image.shape), np.zeros(())
        done, passes = (1, 2) if cotangents else (0, 1)
        graphs = self._graphs
        each = self._each(graphs.gradient, graphs.network, shared, image, done, passes)
        for tile, (found, part) in each:
            sums = sums + found.numpy().astype(np.float64)
            put(gradient, part.numpy(), tile, 1, halo=True)
        sums = self._replicas.sum_over_processes(sums)
        gradient = self._replicas.sum_over_processes(gradient)
        values = [tf.constant(value, tf.float32) for value in np.atleast_1d(sums)]
        return values, gradient.astype(np.float32)

    def _each(
        self,
        compiled: Any,
        network: TileNetwork,
        shared: tuple[Any, ...],
        image: tf.Tensor,
        done: int = 0,
        passes: int = 1,
    ) -> Iterator[tuple[Tile, Any]]:
        """Yield this process' tiles of an image, with what was computed for them."""
        _, height, width, _ = image.shape
        # The same tiles in each pass: a process keeps the content of its own alone.
        stride = self._graphs.network.stride
        tiles = cut_tiles(height, width, self.size, network.halo, stride)
        items = [(tile.crop, tile.margins) for tile in tiles]
        for index, result in self._replicas.each(compiled, shared, items):
            yield tiles[index], result
            self._on_tile(done * len(tiles) + index + 1, passes * len(tiles))

    def _over_processes(self, total: list[Parts]) -> list[Parts]:
        collect = self._replicas.sum_over_processes
        return [{name: collect(part) for name, part in each.items()} for each in total]


def _added(total: Sequence[Parts], parts: Sequence[Parts]) -> list[Parts]:
    """Add a tile's parts in float64, in which no order of tiles leaves a trace."""
    return [
        add(each, {name: part.numpy().astype(np.float64) for name, part in new.items()})
        for each, new in zip(total, parts, strict=True)
    ]


def _keep(
    kept: dict[str, np.ndarray],
    layer: str,
    found: np.ndarray,
    tile: Tile,
    network: TileNetwork,
    shape: Sequence[int],
) -> None:
    """Put a tile's features into those of the whole picture, (1, h, w, C)."""
    stride = network.strides[layer]
    if layer not in kept:
        _, height, width, _ = shape
        whole = (1, height // stride, width // stride, found.shape[-1])
        kept[layer] = np.zeros(whole, found.dtype)
    put(kept[layer], found, tile, stride)
