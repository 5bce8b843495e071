"""The pictures of a run: as they were read, and resized to one of its sizes."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfstyle.config import StyleConfig
from tfstyle.engine.coloring import Coloring
from tfstyle.engine.regions import Regions, divide, fit
from tfstyle.engine.schedule import Scale, schedule
from tfstyle.images import FloatArray, Picture, chroma, fit_size, resize, resize_mask
from tfstyle.vgg.layers import layer

Masks = Sequence[FloatArray | None]


@dataclass(frozen=True)
class Inputs:
    """The pictures that a run works on, each at its own full size."""

    content: Picture
    styles: Sequence[Picture]
    start: Picture | None = None  # only where the config's `init` is a file
    palette: Picture | None = None  # only where the config has a `palette`
    mask: FloatArray | None = None  # (height, width, 1), 1 where the content stays
    style_masks: Masks = ()  # of each style, likewise: where it goes; or none
    source_masks: Masks = ()  # and which part of it is taken

    @property
    def all(self) -> list[FloatArray]:
        """All that there are."""
        some = [self.start, self.palette, self.mask]
        some += [*self.style_masks, *self.source_masks]
        return [
            self.content,
            *self.styles,
            *(each for each in some if each is not None),
        ]

    @functools.cached_property
    def checksums(self) -> dict[str, str]:
        """A short checksum of each picture's pixels, by its place in the config."""
        named = [("content", self.content), ("init", self.start)]
        named += [("palette", self.palette), ("keep.mask", self.mask)]
        for name, pictures in (
            ("styles.{}", self.styles),
            ("styles.{}.mask", self.style_masks),
            ("styles.{}.style_mask", self.source_masks),
        ):
            named += [(name.format(i), each) for i, each in enumerate(pictures)]
        return {
            name: hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()[:16]
            for name, picture in named
            if picture is not None
        }


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
        photo, share = self.photo, self.config.color_strength
        own, tint = chroma(photo), chroma(self.coloring.tint(photo))
        mixed = tint + np.float32(share) * (own - tint)
        return mixed if self.mask is None else mixed + self.mask * (own - mixed)

    @property
    def style_sizes(self) -> list[tuple[int, int]]:
        """Height and width of each style image."""
        pairs = zip(self.config.styles, self.inputs.styles, strict=True)
        return [size_at(self.scale, picture, each.scale) for each, picture in pairs]

    def style(self, index: int) -> Picture:
        """Return a style image."""
        style = resize(self.inputs.styles[index], *self.style_sizes[index])
        return self.coloring.style(index, style)

    def source_mask(self, index: int) -> FloatArray:
        """Return which part of a style image is taken, (h, w)."""
        masks, size = self.inputs.source_masks, self.style_sizes[index]
        mask = masks[index] if masks else None
        if mask is None:
            return np.ones(size, np.float32)
        return fit(mask, size)

    @functools.cached_property
    def regions(self) -> Regions:
        """Where each style goes."""
        styles, masks = self.config.styles, self.inputs.style_masks
        weights = [style.weight for style in styles]
        guided = any(each is not None for each in self.inputs.source_masks)
        masks = masks or [None] * len(styles)
        return divide(masks, weights, self.size, self.mask, guided)


def check_inputs(config: StyleConfig, inputs: Inputs) -> None:
    """Check that the pictures are those that the config needs, and large enough.

    Raises:
        ValueError: if a picture is missing or a style has no options, the mask keeps
            everything, or a picture is too small for a layer, as it is or at the
            coarsest size.
    """
    if len(config.styles) != len(inputs.styles):
        raise ValueError(
            f"styles has {len(config.styles)} entries for {len(inputs.styles)} style "
            "pictures; give one for each"
        )
    needs_style = config.objective.needs_style or config.init == "style"
    if needs_style and not inputs.styles:
        raise ValueError(
            "no style picture; give --style PATH or set styles, or do without: "
            "objective.style_weight=0, no further style terms, and another init"
        )
    _check_colors(config, inputs)
    _check_sizes(config, inputs)


def _check_colors(config: StyleConfig, inputs: Inputs) -> None:
    """Check the pictures that say where colors come from, and where they stay."""
    named = [("palette", config.palette, inputs.palette)]
    named += [("keep.mask", config.keep.mask, inputs.mask)]
    for key, path, picture in named:
        if path is not None and picture is None:
            raise ValueError(f"{key} is {path!r}, but its picture did not come with it")
    if inputs.mask is not None and (inputs.mask == 1).all():
        raise ValueError(
            f"the mask {config.keep.mask} is white all over and keeps everything, so "
            "there is nothing to paint; make it black where the style is to go"
        )
    for i, mask in enumerate(inputs.source_masks):
        if mask is not None and not mask.any():
            raise ValueError(
                f"styles.{i}.style_mask is black all over, so no part of the style is "
                "taken; make it white where the style is good"
            )
    coarsest = schedule(config.pyramid, config.size)[0]
    _check_places(ScaledInputs(config, inputs, coarsest))


def _check_places(scaled: ScaledInputs) -> None:
    """Check that something of the masks is left at one size."""
    at = f"at {scaled.size[1]} x {scaled.size[0]} pixels"
    if scaled.config.styles and not any(scaled.regions.fractions or [1]):
        raise ValueError(
            f"the masks leave no place to any style {at}; make some of them white "
            "somewhere, or more of them"
        )
    for i, mask in enumerate(scaled.inputs.source_masks):
        if mask is not None and not scaled.source_mask(i).any():
            raise ValueError(
                f"styles.{i}.style_mask is so small that nothing is left of it {at}; "
                "make more of it white, or raise pyramid.min_size and size"
            )


def _check_sizes(config: StyleConfig, inputs: Inputs) -> None:
    """Check that there is something to minimize at each size, and room for it."""
    named = [("content", config.content.path, inputs.content, 1.0)]
    for style, picture in zip(config.styles, inputs.styles, strict=True):
        named.append(("style", style.path, picture, style.scale))
    for scale in schedule(config.pyramid, config.size):
        objective = config.objective.at(scale.index)
        if not objective.layers and not objective.tv_weight:
            raise ValueError(
                f"all weights are zero at {scale.size} px, so there is nothing to "
                "minimize; check the lists of weights in objective"
            )
        for kind, path, picture, factor in named:
            name = f"{kind} picture {path or ''}".strip()
            _check_size(name, picture, factor, scale, objective.layers)


def _check_size(
    name: str, picture: Picture, factor: float, scale: Scale, layers: Sequence[str]
) -> None:
    needed = max((layer(each).min_side for each in layers), default=1)
    what = f"{layers[-1] if layers else 'the objective'} needs at least"
    height, width = picture.shape[:2]
    if min(height, width) < needed:
        raise ValueError(
            f"the {name} has {width} x {height} pixels, but {what} "
            f"{needed} x {needed}; use a larger picture"
        )
    height, width = size_at(scale, picture, factor)
    if min(height, width) < needed:
        size = f"at size {scale.size}" if scale.index else "at the coarsest size"
        raise ValueError(
            f"the {name} is {width} x {height} pixels {size}, but {what} "
            f"{needed} x {needed}; raise pyramid.min_size and size, crop the picture, "
            "or use shallower layers"
        )


def size_at(scale: Scale, picture: Picture, factor: float = 1.0) -> tuple[int, int]:
    """Return a picture's (height, width) at one scale, its long side times `factor`."""
    height, width, _ = picture.shape
    return fit_size(height, width, max(1, round(scale.size * factor)))
