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

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.objective.base import Objective
from tfstyle.objective.cutting import Tile, cut_tiles, put
from tfstyle.objective.groups import (
    Groups,
    distances,
    weigh,
)
from tfstyle.objective.term import NO_GUIDES, Guides, Parts, Term, add
from tfstyle.objective.tile_graphs import TiledGraphs
from tfstyle.vgg.tiles import TileNetwork

OnTile = Callable[[int, int], object]
"""Called after each tile with those done and those to do in the evaluation."""


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
        self,
        image: tf.Tensor,
        terms: Sequence[Term],
        guides: Guides = NO_GUIDES,
        passes: int = 1,
    ) -> list[Parts]:
        """Return what terms observe in an image: the first of so many passes."""
        network, graph = self._graphs.observe(terms)
        total: list[Parts] = [{} for _ in terms]
        shared = image, guides
        for _, (parts, _) in self._each(graph, network, shared, image, 0, passes):
            total = _added(total, parts)
        return self._over_processes(total)

    def keep(self, content: tf.Tensor, terms: Sequence[Term]) -> list[Parts]:
        layers = tuple(self._graphs.compared) if self._graphs.keep_content else ()
        network, graph = self._graphs.observe(terms, layers)
        total: list[Parts] = [{} for _ in terms]
        kept: dict[str, np.ndarray] = {}
        shared = content, NO_GUIDES
        for tile, (parts, features) in self._each(graph, network, shared, content):
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
            self.observe(image, terms, self.guides, passes=2),
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
            *(image, self.content, self.guides),
            *(self.targets, cotangents, self.weights),
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
