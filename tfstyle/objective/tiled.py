"""The objective of a picture too large for memory, the same value and gradient.

Matching each tile's own Gram matrices would paint every tile with the whole style: a
different and worse picture. But a Gram matrix is a sum over positions, so that of the
whole picture, and the exact gradient, can be had tile by tile:

1. Add up FᵀF over all tiles, without any gradient; that gives G.
2. The style loss and its slope ∂ style / ∂ G, once.
3. For each tile the gradient of ⟨slope, the tile's FᵀF⟩, of its content loss and of
   its variation, added into the image's gradient.

A layer sees further than a tile, so each comes with a halo (see
`tfstyle.vgg.extractor.tile_network`), whose gradient is that of the neighbours' pixels.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle.config import schema as config
from tfstyle.objective.losses import by_position, style_loss, total_variation
from tfstyle.objective.whole import (
    FIRST_LOSS_SCALE,
    Losses,
    active,
    content_scale,
    lowered,
    mean_grams,
    style_scales,
    sums_variation,
    weigh,
)
from tfstyle.system.replicas import Replicas
from tfstyle.vgg.extractor import TileNetwork, tile_network

OnTile = Callable[[int, int], object]
"""Called after each tile with those done and those to do in the evaluation."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture with its halo; in pixels."""

    crop: tuple[int, int, int, int]  # top, left, height and width, with the halo
    margins: tuple[int, int, int, int]  # of halo at the top, bottom, left and right


def cut_tiles(height: int, width: int, size: int, halo: int, stride: int) -> list[Tile]:
    """Cover a picture with tiles of about equal size, none longer than needed.

    >>> [tile.crop for tile in cut_tiles(64, 96, 48, 8, 16)]
    [(0, 0, 40, 56), (0, 40, 40, 56), (24, 0, 40, 56), (24, 40, 40, 56)]

    Args:
        height: of the picture.
        width: of the picture.
        size: the sides that tiles have at most, but at least `stride`.
        halo: pixels at each side that the features of a tile depend on.
        stride: tiles begin at multiples of it.
    """
    tiles = []
    for top, bottom in _intervals(height, size, stride):
        for left, right in _intervals(width, size, stride):
            first, last = max(0, top - halo), min(height, bottom + halo)
            start, stop = max(0, left - halo), min(width, right + halo)
            crop = first, start, last - first, stop - start
            margins = top - first, last - bottom, left - start, stop - right
            tiles.append(Tile(crop, margins))
    return tiles


def _intervals(length: int, size: int, stride: int) -> Iterator[tuple[int, int]]:
    count = -(-length // max(size // stride * stride, stride))
    step = -(-length // (count * stride)) * stride
    for first in range(0, length, step):
        yield first, min(first + step, length)


class TiledObjective:
    """The objective of one size, as `tfstyle.objective.whole.Objective`, in bounded memory.

    Value and gradient are those of the whole picture but for rounding.

    Args:
        network: from `tfstyle.vgg.extractor.vgg19`.
        options: formulation, layers and weights; some layer counts.
        content: (1, h, w, 3), in [0, 1].
        styles: images (1, h', w', 3), each with its own size, and their weights.
        size: of a tile, in pixels.
        half_precision: the network computes in float16, so its gradients are scaled.
        keep_content: keep the content's features, instead of computing them again in
            each evaluation.
        replicas: share the tiles.
        on_tile: watches; what it raises ends the evaluation.
    """

    def __init__(
        self,
        network: keras.Model,
        options: config.Objective,
        content: tf.Tensor,
        styles: Iterable[tuple[tf.Tensor, float]],
        size: int,
        half_precision: bool = False,
        keep_content: bool = True,
        replicas: Replicas | None = None,
        on_tile: OnTile | None = None,
    ) -> None:
        self.options = options
        self.size = size
        self.half_precision = half_precision
        self.keep_content = keep_content
        self.replicas = replicas or Replicas()
        self.loss_scale = tf.Variable(FIRST_LOSS_SCALE, trainable=False)
        self.content_layers = active(options.content_weight, options.content_layers)
        self.style_layers = active(options.style_weight, options.style_layers)
        with self.replicas.strategy.scope():
            self.network = tile_network(network, options.layers)
            self.style_network = tile_network(
                network, self.style_layers or options.layers
            )
        self._on_tile = on_tile or (lambda done, count: None)
        self._see = self.replicas.compile(self._see_tile)
        self._sum = self.replicas.compile(self._sum_tile)
        self._pull = self.replicas.compile(self._pull_tile)
        self.style_targets = mean_grams(self._grams, styles)
        self.style_scales = style_scales(options, self.style_targets)
        self.content_scales, features = self._measure_content(content)
        self._content = features if keep_content else content

    def value_and_gradient(self, image: tf.Tensor) -> tuple[Losses, tf.Tensor]:
        """Return the losses of an image (1, h, w, 3) in [0, 1], and their gradient."""
        style, slopes = self._style(self._grams(image, passes=2))
        content, variation, gradient = self._gradient(image, slopes)
        while self.half_precision and lowered(self.loss_scale, gradient):
            content, variation, gradient = self._gradient(image, slopes)
        losses = weigh(
            self.options,
            tf.constant(content, tf.float32),
            style,
            tf.constant(variation, tf.float32),
            gradient.size,
        )
        return losses, tf.constant(gradient)

    def losses(self, image: tf.Tensor) -> Losses:
        """Return the objective of an image, (1, h, w, 3) in [0, 1], in float32."""
        return self.value_and_gradient(image)[0]

    # The targets

    def _measure_content(
        self, content: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Return what Σ (F - P)² is multiplied by, and P if it is to be kept."""
        kept: dict[str, np.ndarray] = {}
        squares = {name: np.zeros(()) for name in self.content_layers}
        for tile, seen in self._each(self._see, self.network, (content,), content):
            for name in self.content_layers:
                found = seen[name].numpy()
                squares[name] += np.square(found, dtype=np.float64).sum()
                if self.keep_content:
                    if name not in kept:
                        kept[name] = np.zeros(self._shape(name, content), found.dtype)
                    _put(kept[name], found, tile, self.network.strides[name])
        scales = {}
        for name, weight in self.content_layers.items():
            size = float(np.prod(self._shape(name, content)))
            energy = self.replicas.sum_over_processes(squares[name]) / size
            scale = content_scale(self.options.formulation, size, energy)
            scales[name] = tf.cast(weight * scale / size, tf.float32)
        return scales, {name: tf.constant(array) for name, array in kept.items()}

    # An evaluation

    def _grams(self, image: tf.Tensor, passes: int = 1) -> dict[str, tf.Tensor]:
        """Return the Gram matrices of an image: the first of so many passes."""
        if not self.style_layers:
            return {}
        sums: dict[str, np.ndarray] = {}
        found = self._each(self._sum, self.style_network, (image,), image, 0, passes)
        for _, parts in found:
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + part.numpy().astype(np.float64)
        grams = {}
        for name, total in sums.items():
            _, height, width, _ = self._shape(name, image)
            total = self.replicas.sum_over_processes(total)
            grams[name] = tf.constant(total / (height * width), tf.float32)
        return grams

    def _style(
        self, grams: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Return the style's sum over layers, and its slope for each Gram matrix."""
        with tf.GradientTape() as tape:
            tape.watch(grams)
            style = tf.add_n(
                [tf.constant(0.0)]
                + [
                    self.style_scales[name] * style_loss(gram, self.style_targets[name])
                    for name, gram in grams.items()
                ]
            )
        return style, tape.gradient(style, grams)

    def _gradient(
        self, image: tf.Tensor, slopes: dict[str, tf.Tensor]
    ) -> tuple[float, float, np.ndarray]:
        """Return content, variation and the gradient of the total: the second pass."""
        pulls = {}
        for name, slope in slopes.items():
            _, height, width, _ = self._shape(name, image)
            # G = FᵀF / M, so ∂ / ∂F = 2 F (∂ / ∂G) / M, as ∂ / ∂G is symmetric.
            pulls[name] = slope * (2 * self.options.style_weight / (height * width))
        shared = image, self._content, pulls, self.loss_scale.read_value()
        # In float64, the order of the tiles leaves no trace in float32.
        gradient = np.zeros(image.shape)
        terms = np.zeros(2)
        done, passes = (1, 2) if slopes else (0, 1)
        each = self._each(self._pull, self.network, shared, image, done, passes)
        for tile, found in each:
            content, variation, part = found
            terms += float(content), float(variation)
            _put(gradient, part.numpy(), tile, 1, halo=True)
        content, variation = self.replicas.sum_over_processes(terms)
        gradient = self.replicas.sum_over_processes(gradient)
        return content, variation, gradient.astype(np.float32)

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
        tiles = cut_tiles(height, width, self.size, network.halo, network.stride)
        items = [(tile.crop, tile.margins) for tile in tiles]
        for index, result in self.replicas.each(compiled, shared, items):
            yield tiles[index], result
            self._on_tile(done * len(tiles) + index + 1, passes * len(tiles))

    def _shape(self, name: str, image: tf.Tensor) -> tuple[int, int, int, int]:
        """Return the shape of a layer's features of a whole image."""
        _, height, width, _ = image.shape
        stride = self.network.strides[name]
        channels = self.network.network.output[name].shape[-1]
        return 1, height // stride, width // stride, channels

    # A tile, in TensorFlow's graphs. `crop` and `margins` are those of a `Tile`.

    def _see_tile(
        self, image: tf.Tensor, crop: tf.Tensor, margins: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self.network(_crop(image, crop), margins)

    def _sum_tile(
        self, image: tf.Tensor, crop: tf.Tensor, margins: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        features = self.style_network(_crop(image, crop), margins)
        sums = {}
        for name in self.style_layers:
            flat = by_position(features[name])
            sums[name] = tf.matmul(flat, flat, transpose_a=True)
        return sums

    def _pull_tile(
        self,
        image: tf.Tensor,
        content: dict[str, tf.Tensor] | tf.Tensor,
        pulls: dict[str, tf.Tensor],
        loss_scale: tf.Tensor,
        crop: tf.Tensor,
        margins: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return a tile's content, variation, and gradient with its halo."""
        options, part = self.options, _crop(image, crop)
        scale = loss_scale if self.half_precision else 1.0
        with tf.GradientTape() as tape:
            tape.watch(part)
            features = self.network(part, margins)
            content_sum = self._content_sum(features, content, crop, margins)
            variation = _variation(part, margins)
            total = options.content_weight * content_sum
            pixels = tf.cast(tf.size(image), tf.float32)
            total += options.tv_weight * (
                variation if sums_variation(options) else variation / pixels
            )
            for name, pull in pulls.items():
                flat = by_position(features[name])
                # Not ⟨slope, FᵀF⟩: this has the same gradient for one product less.
                total += tf.reduce_sum(flat * tf.stop_gradient(tf.matmul(flat, pull)))
            scaled = total * scale
        return content_sum, variation, tape.gradient(scaled, part) / scale

    def _content_sum(
        self,
        features: dict[str, tf.Tensor],
        content: dict[str, tf.Tensor] | tf.Tensor,
        crop: tf.Tensor,
        margins: tf.Tensor,
    ) -> tf.Tensor:
        """Return the tile's part of the content's sum over layers."""
        if not self.keep_content and self.content_layers:
            seen = self._see_tile(content, crop, margins)
        total = tf.constant(0.0)
        for name, scale in self.content_scales.items():
            found = features[name]
            if self.keep_content:
                inner = crop[:2] + margins[::2]  # top and left, without the halo
                top, left = tf.unstack(inner // self.network.strides[name])
                target = tf.slice(content[name], (0, top, left, 0), tf.shape(found))
            else:
                target = tf.stop_gradient(seen[name])
            difference = tf.cast(found, tf.float32) - tf.cast(target, tf.float32)
            total += scale * tf.reduce_sum(tf.square(difference))
        return total


def _crop(image: tf.Tensor, crop: tf.Tensor) -> tf.Tensor:
    top, left, height, width = tf.unstack(crop)
    return tf.slice(image, (0, top, left, 0), (1, height, width, 3))


def _variation(part: tf.Tensor, margins: tf.Tensor) -> tf.Tensor:
    """Return the variation of a tile, with what leads to its lower and right side."""
    top, bottom, left, right = tf.unstack(margins)
    below, beside = tf.minimum(bottom, 1), tf.minimum(right, 1)
    _, height, width, _ = tf.unstack(tf.shape(part))
    size = 1, height - top - bottom + below, width - left - right + beside, 3
    return total_variation(tf.slice(part, (0, top, left, 0), size), below, beside)


def _put(
    whole: np.ndarray, part: np.ndarray, tile: Tile, stride: int, halo: bool = False
) -> None:
    """Add a part of (1, h, w, C) where it belongs, with or without its halo."""
    top, left, _, _ = tile.crop
    if not halo:
        top, left = top + tile.margins[0], left + tile.margins[2]
    top, left = top // stride, left // stride
    _, height, width, _ = part.shape
    with np.errstate(invalid="ignore"):  # float16 before its loss scale is found
        whole[:, top : top + height, left : left + width] += part
