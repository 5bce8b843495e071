"""The pictures of a run at one of its sizes."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfstyle.config import StyleConfig
from tfstyle.engine.coloring import Coloring
from tfstyle.engine.inputs import Inputs, size_at
from tfstyle.engine.regions import Regions, divide, fit
from tfstyle.engine.schedule import Scale
from tfstyle.images import (
    Direction,
    FloatArray,
    Picture,
    chroma,
    grey,
    resize,
    resize_mask,
    turned,
)


@dataclass(frozen=True)
class ScaledInputs:
    """The pictures of one size, each resized from its original, once."""

    config: StyleConfig
    inputs: Inputs
    scale: Scale
    coloring: Coloring = field(default_factory=Coloring)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the content image and so of the result."""
        return size_at(self.scale, self.inputs.content)

    @functools.cached_property
    def content(self) -> Picture:
        """What is to be matched: in new colors, but for where the photograph stays."""
        photo, coloring = self.photo, self.coloring
        content = coloring.content(photo)
        if self.mask is None:
            return content
        kept: Picture = coloring.photo(photo)
        return self.mask * kept + (1 - self.mask) * content

    @property
    def photo(self) -> Picture:
        """The content image in its own colors."""
        return resize(self.inputs.content, *self.size)

    @functools.cached_property
    def mask(self) -> FloatArray | None:
        """Where the photograph stays, (height, width, 1); None for nowhere."""
        if self.config.keep.mask is None or self.inputs.mask is None:
            return None
        return resize_mask(self.inputs.mask, *self.size)

    @property
    def chroma(self) -> FloatArray:
        """The chroma of the result where only its luminance moves."""
        photo, strength = self.photo, np.float32(self.config.color_strength)
        own, tint = chroma(photo), chroma(self.coloring.tint(photo))
        mixed = tint + strength * (own - tint)
        return mixed if self.mask is None else mixed + self.mask * (own - mixed)

    @functools.cached_property
    def trust(self) -> FloatArray | None:
        """Where a film's last result is trusted, (height, width, 1)."""
        trust = self.inputs.trust
        return None if trust is None else resize_mask(trust, *self.size)

    @functools.cached_property
    def previous(self) -> Picture | None:
        """A film's last result, moved to where things are now, as it is to be seen."""
        previous = self.inputs.previous
        if previous is None:
            return None
        resized = resize(previous, *self.size)
        if self.config.color == "content_luminance":
            return np.repeat(grey(resized), 3, axis=2)
        return resized

    @property
    def style_sizes(self) -> list[tuple[int, int]]:
        """Height and width of each style image."""
        pairs = zip(self.config.styles, self.inputs.styles, strict=True)
        return [size_at(self.scale, picture, each.scale) for each, picture in pairs]

    @property
    def directions(self) -> Sequence[Direction]:
        """How style images are turned; of several, what is measured is averaged."""
        direction = self.config.direction
        return (0, 90, 180, 270) if direction == "all" else (direction,)

    def style(self, index: int, direction: Direction = 0) -> Picture:
        """Return a style image, turned."""
        style = resize(self.inputs.styles[index], *self.style_sizes[index])
        return turned(self.coloring.style(index, style), direction)

    def source_mask(self, index: int, direction: Direction = 0) -> FloatArray:
        """Return which part of a turned style image is taken, (h, w)."""
        masks, size = self.inputs.source_masks, self.style_sizes[index]
        mask = masks[index] if masks else None
        whole = np.ones(size, np.float32) if mask is None else fit(mask, size)
        return turned(whole, direction)

    @functools.cached_property
    def regions(self) -> Regions:
        """Where each style goes."""
        styles, masks = self.config.styles, self.inputs.style_masks
        weights = [style.weight for style in styles]
        guided = any(each is not None for each in self.inputs.source_masks)
        masks = masks or [None] * len(styles)
        return divide(masks, weights, self.size, self.mask, guided)
