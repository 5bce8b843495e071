"""TensorFlow's graphs over one tile: what terms observe there, and its gradient."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfstyle.objective.cutting import crop_of
from tfstyle.objective.groups import (
    Groups,
    kinds_of,
    layers_of,
    observe,
    terms_of,
)
from tfstyle.objective.term import Guides, Parts, Seen, Term
from tfstyle.system.replicas import Replicas
from tfstyle.vgg.tiles import TileNetwork, tile_network


class TiledGraphs:
    """The graphs over a tile; the same ones serve any targets, weights and pictures.

    Args:
        network: from `tfstyle.vgg.extractor.vgg19`.
        groups: terms and weights.
        keep_content: content features come as such, not as the picture to see again.
        replicas: compute the tiles together.
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

        def see(
            image: tf.Tensor, guides: Guides, crop: tf.Tensor, margins: tf.Tensor
        ) -> Any:
            pixels = crop_of(image, crop)
            features = network(pixels, margins)
            origins = _origins(network, image, crop, margins)
            here = _guides(guides, features, origins, crop)
            seen = Seen(features, {}, pixels, margins, origins, here)
            parts = observe(terms, seen)
            return parts, {layer: features[layer] for layer in keep}

        return network, self.replicas.compile(see)

    def _gradient(
        self,
        image: tf.Tensor,
        content: Any,
        guides: Guides,
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
            here = _guides(guides, features, origins, crop)
            seen = Seen(features, beside, pixels, margins, origins, here)
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
    """Return where a tile's features lie in those of the picture; see `term.Seen`."""
    top_left = crop[:2] + margins[::2]  # without the halo
    pixels = tf.concat([top_left, tf.shape(image)[1:3]], 0)
    return {layer: pixels // stride for layer, stride in network.strides.items()}


def _guides(
    guides: Guides,
    features: Mapping[str, tf.Tensor],
    origins: Mapping[str, tf.Tensor],
    crop: tf.Tensor,
) -> Guides:
    """Return a tile's part of the guides."""
    weights = {}
    for layer in sorted(guides.weights.keys() & features.keys()):
        whole = guides.weights[layer]
        top, left, _, _ = tf.unstack(origins[layer])
        _, height, width, _ = tf.unstack(tf.shape(features[layer]))
        box = (1, height, width, whole.shape[-1])
        weights[layer] = tf.slice(whole, (0, top, left, 0), box)
    pixels = {name: crop_of(guides.pixels[name], crop) for name in guides.pixels}
    return guides._replace(weights=weights, pixels=pixels)


def _product(cotangent: Parts, parts: Parts) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(cotangent[name] * parts[name]) for name in parts])
