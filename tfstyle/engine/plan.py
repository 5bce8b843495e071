"""How much memory a run takes, and how it is made to fit.

What fits is computed as a whole. Else the network sees the picture in tiles, which give
the same result in `SLOWER` times the time. Before tiles become smaller, L-BFGS
remembers less, which costs next to nothing; at last Adam takes its place.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tfstyle.config import Optimizer, StyleConfig
from tfstyle.vgg.layers import LAYERS, down_to

# Fitted to the peaks of runs on a CPU, see docs/posters.md.
BASE_GIB = 0.87  # Python, TensorFlow and the weights
WORKSPACE = {"float32": 1.7, "bfloat16": 1.36, "float16": 1.36}
"""What a step holds at its peak, in activations of all layers in float32."""
FORWARD = 0.6  # of that without a gradient, as for a style picture
GUIDED = 4 * 1.4  # bytes: style features weighted by a region, and their gradient
KEPT = 11  # numbers per pixel that a mask needs: k, 1 - k, three pictures of 3 each
FILTERED = 34  # that photorealism needs: the guide, and what a filtered picture takes
VECTORS = 8  # of the picture's size, in float32: image, gradient, and what a step needs
TILES = (1024, 512, 256, 128)  # pixels: halos make smaller ones slower
SLOWER = 1.8  # than the whole: what tiles of 512 pixels take of the time
SHARED_FROM = 1024  # pixels above which several devices share a picture's tiles
SHARED_TILE = 512  # pixels, at most, so that there is one for each device


@dataclass(frozen=True)
class Sizes:
    """The pictures of a run at one of its sizes."""

    height: int  # of the image, in pixels
    width: int
    styles: tuple[tuple[int, int], ...] = ()  # height and width of each
    originals: int = 0  # bytes of all pictures as they were read

    @property
    def long_side(self) -> int:
        """Of the image, in pixels."""
        return max(self.height, self.width)

    def scaled(self, long_side: int) -> "Sizes":
        """Return them with an image of another long side."""

        def side(length: int) -> int:
            return max(1, round(length * long_side / self.long_side))

        styles = tuple((side(height), side(width)) for height, width in self.styles)
        return Sizes(side(self.height), side(self.width), styles, self.originals)


@dataclass(frozen=True)
class Plan:
    """How one size is computed within the memory that there is."""

    tile: int | None  # in pixels; None: the picture as a whole
    optimizer: Optimizer  # with the history that fits
    keep_content: bool  # the content's features, or only the picture
    gib: float  # estimated at the peak

    def __str__(self) -> str:
        parts = [f"tiles of {self.tile} px"] if self.tile else []
        if self.optimizer.name == "lbfgs":
            kind = self.optimizer.history_precision
            parts.append(f"history {self.optimizer.history} in {kind}")
        else:
            parts.append("adam")
        return f"{', '.join(parts)}, about {self.gib:.1f} GiB"


def make_plan(
    config: StyleConfig,
    sizes: Sizes,
    precision: str,
    limit_gib: float,
    devices: int = 1,
) -> Plan:
    """Choose how to compute one size: the fastest way that fits.

    Args:
        config: all options.
        sizes: of its pictures.
        precision: that the network computes in.
        limit_gib: what the run may take.
        devices: that can share tiles.

    Raises:
        ValueError: if nothing fits, with the largest size that would.
    """
    plan = _fitting(config, sizes, precision, limit_gib, devices)
    if plan:
        return plan
    size, some_less = sizes.long_side, 0.95 * limit_gib  # what is free varies
    while size >= 16:
        if _fitting(config, sizes.scaled(size), precision, some_less, devices):
            break
        size -= max(1, size // 64)
    way = f"the largest size that fits is about {size}" if size >= 16 else "free some"
    least = min(plan.gib for plan in _plans(config, sizes, precision, devices))
    needed = math.ceil(least * 10) / 10  # never what the run may take
    raise ValueError(
        f"{sizes.width} x {sizes.height} pixels need about {needed:.1f} GiB of memory, "
        f"but the run may take {limit_gib:.1f} GiB; {way}, or raise memory.limit_gib"
    )


def _fitting(
    config: StyleConfig, sizes: Sizes, precision: str, limit_gib: float, devices: int
) -> Plan | None:
    plans = _plans(config, sizes, precision, devices)
    return next((plan for plan in plans if plan.gib <= limit_gib), None)


def _plans(
    config: StyleConfig, sizes: Sizes, precision: str, devices: int
) -> Iterator[Plan]:
    """Yield the ways to compute a picture, from the fastest to the smallest."""
    for optimizers in _optimizers(config.optimizer):
        for tile, keep in _tilings(config, sizes, devices):
            for optimizer in optimizers:
                gib = _gib(config, sizes, precision, tile, optimizer, keep)
                yield Plan(tile, optimizer, keep, gib)


def _optimizers(options: Optimizer) -> list[list[Optimizer]]:
    """Return the optimizers that may do, in groups from the best on."""
    adam = options.model_copy(update={"name": "adam"})
    if options.name == "adam":
        return [[adam]]
    small = options.model_copy(update={"history_precision": "bfloat16"})
    shorter = [
        small.model_copy(update={"history": history})
        for history in (5, 3)
        if history < options.history
    ]
    return [[options, small, *shorter], [adam]]


def _tilings(
    config: StyleConfig, sizes: Sizes, devices: int
) -> list[tuple[int | None, bool]]:
    """Return the sizes of tiles that may do, and whether content features are kept."""
    asked = config.memory.tile
    if asked == "off" or not config.objective.layers:
        return [(None, True)]
    longest = max([sizes.long_side, *(max(style) for style in sizes.styles)])
    if asked != "auto":
        return _kept_or_not(asked) if asked < longest else [(None, True)]
    shared = devices > 1 and sizes.long_side > SHARED_FROM
    largest = SHARED_TILE if shared else longest - 1
    tiled = [each for tile in TILES if tile <= largest for each in _kept_or_not(tile)]
    return tiled if shared else [(None, True), *tiled]


def _kept_or_not(tile: int) -> list[tuple[int | None, bool]]:
    return [(tile, True), (tile, False)]


def _gib(
    config: StyleConfig,
    sizes: Sizes,
    precision: str,
    tile: int | None,
    optimizer: Optimizer,
    keep_content: bool,
) -> float:
    """Estimate the peak memory of a run at one size."""
    layers = config.objective.layers
    network = WORKSPACE[precision] * 4 * floats_per_pixel(layers)
    network += regions(config) * GUIDED * style_floats_per_pixel(config)
    pixels = sizes.height * sizes.width
    number = 4 if optimizer.history_precision == "float32" else 2
    history = 2 * optimizer.history * number if optimizer.name == "lbfgs" else 2 * 4
    content = 3 * 4.0  # the picture
    if tile and keep_content:
        number = 4 if precision == "float32" else 2
        content = number * content_floats_per_pixel(config)
    if config.keep.mask is not None:
        content += 4 * KEPT
    if config.photorealism:
        content += 4 * FILTERED
    seen = at_once(sizes.height, sizes.width, tile, layers)
    step = network * seen + pixels * (3 * (4 * VECTORS + history) + content)
    styles = [  # measured one by one before the first step; two copies of the pixels
        FORWARD * network * at_once(*style, tile, layers) + 2 * 12 * math.prod(style)
        for style in sizes.styles
    ]
    measuring = pixels * (12 + content) + max(styles, default=0.0)
    return BASE_GIB + (sizes.originals + max(step, measuring)) / 2**30


def regions(config: StyleConfig) -> int:
    """Return how many regions a run has; see `tfstyle.engine.regions`."""
    masked = [style.mask is not None for style in config.styles]
    parts = any(style.style_mask is not None for style in config.styles)
    if not (any(masked) or parts or config.keep.mask is not None):
        return 0
    return sum(masked) + (not all(masked))


def style_floats_per_pixel(config: StyleConfig) -> float:
    """Return the activations of the style layers for each pixel."""
    return sum(LAYERS[name].floats_per_pixel for name in config.objective.active_style)


def at_once(height: int, width: int, tile: int | None, layers: list[str]) -> int:
    """Return how many pixels of a picture the network sees at once, with halos."""
    if not tile or max(height, width) <= tile:
        return height * width
    sides = []
    for length in (height, width):
        count = -(-length // tile)  # tiles in a row, about equal
        sides.append(
            min(length, -(-length // count) + min(count - 1, 2) * halo(layers))
        )
    return math.prod(sides)


def halo(layers: list[str]) -> int:
    """Return how many pixels around a tile the features of `layers` depend on."""
    return max((LAYERS[name].halo for name in layers), default=0)


def content_floats_per_pixel(config: StyleConfig) -> float:
    """Return how many numbers per pixel the content's targets are."""
    layers = config.objective.compared
    return sum(LAYERS[name].floats_per_pixel for name in layers)


def floats_per_pixel(layers: list[str]) -> float:
    """Return the activations of VGG19 down to the deepest of `layers`, per pixel."""
    return sum(layer.floats_per_pixel for layer in down_to(layers))
