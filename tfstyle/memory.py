"""How much memory a run takes, and how it is made to fit.

What fits is computed as a whole. Else the network sees the picture in tiles, which give
the same result in about 1.8 times the time; then L-BFGS remembers less; and at last
Adam takes its place, which remembers next to nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tfstyle.config import VGG19_LAYERS, Optimizer, StyleConfig

CHANNELS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
# Fitted to the peaks of runs on a CPU, see docs/posters.md.
BASE_GIB = 0.93  # Python, TensorFlow and the weights
WORKSPACE = {"float32": 2.0, "bfloat16": 1.36, "float16": 1.36}
"""What a step holds at its peak, in activations of all layers in float32."""
VECTORS = 8  # of the picture's size, in float32: image, gradient, and what a step needs
TILES = (512, 256, 128)  # pixels: halos make smaller ones slower
HALO = 70  # pixels of it at each side of a tile, at most
TILES_FROM = 1024  # pixels from which several devices share a picture's tiles


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
    height: int,
    width: int,
    precision: str,
    limit_gib: float,
    devices: int = 1,
) -> Plan:
    """Choose how to compute a picture of (height, width): the fastest way that fits.

    Args:
        config: all options.
        height: of the image, in pixels.
        width: of the image, in pixels.
        precision: that the network computes in.
        limit_gib: what the run may take.
        devices: that can share tiles.

    Raises:
        ValueError: if nothing fits, with the largest size that would.
    """
    plan = _fitting(config, height, width, precision, limit_gib, devices)
    if plan:
        return plan
    long_side, size = max(height, width), max(height, width)
    while size >= 16:
        rows, columns = height * size // long_side, width * size // long_side
        if _fitting(config, rows, columns, precision, limit_gib, devices):
            break
        size -= max(1, size // 64)
    way = f"the largest size that fits is about {size}" if size >= 16 else "free some"
    *_, least = _plans(config, height, width, precision, devices)
    raise ValueError(
        f"{width} x {height} pixels need about {least.gib:.1f} GiB of memory, but the "
        f"run may take {limit_gib:.1f} GiB; {way}, or raise memory.limit_gib"
    )


def _fitting(
    config: StyleConfig,
    height: int,
    width: int,
    precision: str,
    limit_gib: float,
    devices: int,
) -> Plan | None:
    plans = _plans(config, height, width, precision, devices)
    return next((plan for plan in plans if plan.gib <= limit_gib), None)


def _plans(
    config: StyleConfig, height: int, width: int, precision: str, devices: int
) -> Iterator[Plan]:
    """Yield the ways to compute a picture, from the fastest to the smallest."""
    for optimizers in _optimizers(config.optimizer):
        for tile, keep in _tilings(config, max(height, width), devices):
            for optimizer in optimizers:
                yield Plan(
                    tile,
                    optimizer,
                    keep,
                    _gib(config, height, width, precision, tile, optimizer, keep),
                )


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
    config: StyleConfig, long_side: int, devices: int
) -> list[tuple[int | None, bool]]:
    """Return the sizes of tiles that may do, and whether content features are kept."""
    asked = config.memory.tile
    if asked == "off" or not config.objective.layers:
        return [(None, True)]
    if asked != "auto":
        return _kept_or_not(asked) if asked < long_side else [(None, True)]
    shared = devices > 1 and long_side > TILES_FROM
    tiled = [each for tile in TILES if tile < long_side for each in _kept_or_not(tile)]
    return tiled if shared else [(None, True), *tiled]


def _kept_or_not(tile: int) -> list[tuple[int | None, bool]]:
    return [(tile, True), (tile, False)]


def _gib(
    config: StyleConfig,
    height: int,
    width: int,
    precision: str,
    tile: int | None,
    optimizer: Optimizer,
    keep_content: bool,
) -> float:
    """Estimate the peak memory of a run at one size."""
    pixels = at_once = height * width
    if tile:
        at_once = _with_halo(height, tile) * _with_halo(width, tile)
    network = WORKSPACE[precision] * 4 * floats_per_pixel(config.objective.layers)
    number = 4 if optimizer.history_precision == "float32" else 2
    history = 2 * optimizer.history * number if optimizer.name == "lbfgs" else 2 * 4
    content = 3 * 4.0  # the picture
    if tile and keep_content:
        number = 4 if precision == "float32" else 2
        content = number * content_floats_per_pixel(config)
    vectors = pixels * (3 * (4 * VECTORS + history) + content)
    return BASE_GIB + (network * at_once + vectors) / 2**30


def _with_halo(length: int, tile: int) -> int:
    """Return the longest side of a tile: one at the picture's border has less halo."""
    sides = min(-(-length // tile) - 1, 2)
    return min(length, tile + sides * HALO)


def content_floats_per_pixel(config: StyleConfig) -> float:
    """Return how many numbers per pixel the content's targets are."""
    return sum(
        _floats(name)
        for name, weight in config.objective.content_layers.items()
        if weight * config.objective.content_weight > 0
    )


def floats_per_pixel(layers: list[str]) -> float:
    """Return the activations of VGG19 down to the deepest of `layers`, per pixel."""
    deepest = max((VGG19_LAYERS.index(name) for name in layers), default=-1)
    return sum(_floats(name) for name in VGG19_LAYERS[: deepest + 1])


def _floats(layer: str) -> float:
    block = int(layer[len("block")])
    poolings = block if layer.endswith("pool") else block - 1
    return CHANNELS[block] / float(4**poolings)
