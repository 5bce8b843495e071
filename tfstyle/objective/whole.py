"""The objective: how far an image is from the content's features and the style's Grams.

    total = content_weight Σ_l c_l content_l + style_weight Σ_l s_l style_l
            + tv_weight variation

Each formulation is the same sum of means (see `tfstyle.objective.losses`) with other constants
for each layer:

    relative  content_l = mean (F - P)² / mean P²    style_l = mean (G - A)² / mean A²
    mean      content_l = mean (F - P)²              style_l = mean (G - A)²
    paper     content_l = ½ Σ (F - P)²               style_l = ¼ mean (G - A)²

`paper` is Gatys et al. (2016, eq. 1-7): with G a mean over positions, a quarter of the
mean over C² pairs is their 1/(4 C² M²) Σ (M G - M A)². `relative` is ours: 0.01 reads
as 1 % of the target's own energy, so weights keep their meaning from layer to layer,
size to size and picture to picture.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import tensorflow as tf

from tfstyle.config import schema as config
from tfstyle.objective.losses import (
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)

Features = Mapping[str, tf.Tensor]
"""Layer name to features, (1, h, w, C)."""

Network = Callable[[tf.Tensor], Features]
"""An image (1, h, w, 3) in [0, 1] to its features; see `tfstyle.vgg.extractor.vgg19`."""


FIRST_LOSS_SCALE, LAST_LOSS_SCALE = 2.0**24, 2.0**-24
"""For float16: tried from the first, divided by 16 until the gradient is finite."""


class Losses(NamedTuple):
    """The objective and its three terms.

    `content` and `style` are sums over layers with the layers' weights; the total
    weights them by `content_weight`, `style_weight` and `tv_weight`.
    """

    total: tf.Tensor
    content: tf.Tensor
    style: tf.Tensor
    variation: tf.Tensor


class Targets(NamedTuple):
    """What the image shall match, measured once for each size."""

    content: dict[str, tf.Tensor]  # layer: P, (1, h, w, C)
    style: dict[str, tf.Tensor]  # layer: A, (C, C)


def measure_targets(
    network: Network | None,
    options: config.Objective,
    content: tf.Tensor,
    styles: Iterable[tuple[tf.Tensor, float]],
) -> Targets:
    """Measure the content's features and the styles' Gram matrices.

    Several styles become one target, the mean of their Gram matrices by weight. Its
    gradient is that of the weighted sum of their losses, at the cost of one style.

    Args:
        network: image to features; None if no layer counts.
        options: which layers count.
        content: (1, h, w, 3), in [0, 1].
        styles: images (1, h', w', 3), each with its own size, and their weights.
    """
    if network is None:
        return Targets({}, {})
    content_features = network(content)
    style_layers = active(options.style_weight, options.style_layers)

    def grams(image: tf.Tensor) -> dict[str, tf.Tensor]:
        features = network(image)
        return {name: gram_matrix(features[name]) for name in style_layers}

    return Targets(
        content={
            name: content_features[name]
            for name in active(options.content_weight, options.content_layers)
        },
        style=mean_grams(grams, styles),
    )


def mean_grams(
    measure: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    styles: Iterable[tuple[tf.Tensor, float]],
) -> dict[str, tf.Tensor]:
    """Return the mean by weight of the Gram matrices that `measure` finds in images."""
    total: dict[str, tf.Tensor] = {}
    weights = 0.0
    for image, weight in styles:
        weights += weight
        for name, gram in measure(image).items():
            total[name] = total.get(name, 0.0) + weight * gram
    return {name: gram / weights for name, gram in total.items()}


class Objective:
    """The objective of one size: targets and constants, as a function of the image.

    Args:
        network: image to features; None if no layer counts.
        options: formulation, layers and weights.
        targets: what to match, from `measure_targets`.
        half_precision: the network computes in float16, so its gradients are scaled.
    """

    def __init__(
        self,
        network: Network | None,
        options: config.Objective,
        targets: Targets,
        half_precision: bool = False,
    ) -> None:
        self.network = network
        self.options = options
        self.targets = targets
        self.half_precision = half_precision
        self.content_scales = {
            name: weight
            * content_scale(
                options.formulation,
                tf.size(targets.content[name]),
                mean_square(targets.content[name]),
            )
            for name, weight in active(
                options.content_weight, options.content_layers
            ).items()
        }
        self.style_scales = style_scales(options, targets.style)
        self.loss_scale = tf.Variable(FIRST_LOSS_SCALE, trainable=False)
        # AutoGraph, which nothing here needs, writes files and fails on a full disk.
        self._compiled = tf.function(self._compute, autograph=False)

    def value_and_gradient(self, image: tf.Tensor) -> tuple[Losses, tf.Tensor]:
        """Return the losses of an image (1, h, w, 3) in [0, 1], and their gradient."""
        losses, gradient = self._compiled(image)
        while self.half_precision and lowered(self.loss_scale, gradient):
            losses, gradient = self._compiled(image)
        return losses, gradient

    def losses(self, image: tf.Tensor) -> Losses:
        """Return the objective of an image, (1, h, w, 3) in [0, 1], in float32."""
        options = self.options
        features = self.network(image) if self.network else {}
        content = tf.add_n(
            [tf.constant(0.0)]
            + [
                scale * content_loss(features[name], self.targets.content[name])
                for name, scale in self.content_scales.items()
            ]
        )
        style = tf.add_n(
            [tf.constant(0.0)]
            + [
                scale
                * style_loss(gram_matrix(features[name]), self.targets.style[name])
                for name, scale in self.style_scales.items()
            ]
        )
        return weigh(options, content, style, total_variation(image), tf.size(image))

    def _compute(self, image: tf.Tensor) -> tuple[Losses, tf.Tensor]:
        scale = self.loss_scale if self.half_precision else 1.0
        with tf.GradientTape() as tape:
            tape.watch(image)
            losses = self.losses(image)
            scaled = losses.total * scale
        return losses, tape.gradient(scaled, image) / scale


def lowered(loss_scale: tf.Variable, gradient: tf.Tensor) -> bool:
    """Lower the loss scale if the gradient is not finite; return whether it was.

    Gradients of features are too small for float16 unless the total is scaled up
    (Micikevicius et al. 2018, section 3.2). bfloat16 has the range of float32.
    """
    if tf.reduce_all(tf.math.is_finite(gradient)) or loss_scale <= LAST_LOSS_SCALE:
        return False
    loss_scale.assign(loss_scale / 16)
    return True


def weigh(
    options: config.Objective,
    content: tf.Tensor,
    style: tf.Tensor,
    variation: tf.Tensor,
    pixels: int | tf.Tensor,
) -> Losses:
    """Return the losses with their total.

    Args:
        options: the weights.
        content: sum over layers.
        style: sum over layers.
        variation: sum over pixels and colors.
        pixels: their number, times three.
    """
    if not sums_variation(options):
        variation /= tf.cast(pixels, tf.float32)
    total = (
        options.content_weight * content
        + options.style_weight * style
        + options.tv_weight * variation
    )
    return Losses(total, content, style, variation)


def content_scale(formulation: str, size: tf.Tensor, energy: tf.Tensor) -> tf.Tensor:
    """Return what mean (F - P)² is multiplied by, for P of so many numbers.

    Args:
        formulation: of the objective.
        size: h w C of P.
        energy: mean P².
    """
    if formulation == "paper":
        return 0.5 * tf.cast(size, tf.float32)
    return tf.constant(1.0) if formulation == "mean" else relative_to(energy)


def style_scale(formulation: str, target: tf.Tensor) -> tf.Tensor:
    """Return what mean (G - A)² is multiplied by, for a target A of (C, C)."""
    if formulation == "paper":
        return tf.constant(0.25)
    mean = formulation == "mean"
    return tf.constant(1.0) if mean else relative_to(mean_square(target))


def style_scales(
    options: config.Objective, targets: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Return what mean (G - A)² is multiplied by, for each layer that counts."""
    return {
        name: weight * style_scale(options.formulation, targets[name])
        for name, weight in active(options.style_weight, options.style_layers).items()
    }


def sums_variation(options: config.Objective) -> bool:
    """Return whether the variation is a sum over pixels, as in `paper`, or a mean."""
    if options.tv_reduction == "auto":
        return options.formulation == "paper"
    return options.tv_reduction == "sum"


def mean_square(target: tf.Tensor) -> tf.Tensor:
    """Return the energy of a target, in float32."""
    return tf.reduce_mean(tf.square(tf.cast(target, tf.float32)))


def relative_to(energy: tf.Tensor) -> tf.Tensor:
    """Return what makes an error a share of the target's energy."""
    # A target of zeros (a black picture in a layer without bias) has nothing to be
    # relative to: the floor keeps the quotient finite.
    return 1 / tf.maximum(energy, 1e-12)


def active(weight: float, layers: Mapping[str, float]) -> dict[str, float]:
    """Return the layers that count: both weights are above zero."""
    return {name: each for name, each in layers.items() if weight * each > 0}
