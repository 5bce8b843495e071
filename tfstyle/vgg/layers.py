"""VGG19's layers: the one table that everything else reads.

Keras fuses the ReLU into the convolution: `block4_conv2` is the paper's relu4_2.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tfstyle.errors import nearest


class Layer(NamedTuple):
    """What is known of a layer without building it."""

    name: str  # Keras' name
    channels: int
    stride: int  # pixels per position, at each side
    halo: int  # pixels around a position that it depends on, at each side
    pools: bool  # a pooling of 2 x 2, else a convolution of 3 x 3

    @property
    def min_side(self) -> int:
        """The fewest pixels a picture's side must have for one position."""
        return self.stride

    @property
    def floats_per_pixel(self) -> float:
        """Activations for each pixel of the picture."""
        return self.channels / self.stride**2


def _table(convolutions: Iterable[int], channels: Iterable[int]) -> dict[str, Layer]:
    layers, stride, halo = {}, 1, 0
    for block, (count, width) in enumerate(zip(convolutions, channels, strict=True), 1):
        for number in range(1, count + 1):
            halo += stride  # a kernel of 3 x 3 looks one position further
            name = f"block{block}_conv{number}"
            layers[name] = Layer(name, width, stride, halo, pools=False)
        stride *= 2
        name = f"block{block}_pool"
        layers[name] = Layer(name, width, stride, halo, pools=True)
    return layers


LAYERS: Mapping[str, Layer] = MappingProxyType(
    _table((2, 2, 4, 4, 4), (64, 128, 256, 512, 512))
)
"""The 16 convolutions and 5 poolings by Keras' names, from shallow to deep."""

VGG19_LAYERS = tuple(LAYERS)


def layer(name: str) -> Layer:
    """Return what the table has of a layer.

    Raises:
        ValueError: if VGG19 has no such layer.
    """
    if name not in LAYERS:
        raise ValueError(
            f"{name!r} is no layer of VGG19{nearest(name, LAYERS)}; "
            "choose from block1_conv1 ... block5_pool"
        )
    return LAYERS[name]


def in_color_block(name: str) -> bool:
    """Return whether a layer sees few pixels: their colors and grain, no strokes."""
    return name.startswith("block1_")


def down_to(names: Iterable[str]) -> list[Layer]:
    """Return all layers that the network computes for some, to the deepest of them."""
    deepest = max((VGG19_LAYERS.index(layer(name).name) for name in names), default=-1)
    return [*LAYERS.values()][: deepest + 1]
