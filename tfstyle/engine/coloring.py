"""Which colors the pictures of a run are given before any of them is looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.regions import fit
from tfstyle.images import ColorMap, FloatArray, Picture, color_map, grey
from tfstyle.objective.guides import coverage

Recolor = Callable[[Picture], Picture]


def _as_it_is(picture: Picture) -> Picture:
    return picture


@dataclass(frozen=True)
class Coloring:
    """What is done to the colors of each picture, at whatever size."""

    content: Recolor = _as_it_is  # the start, and what is to be matched
    photo: Recolor = _as_it_is  # the content image where it is kept
    styles: Sequence[Recolor] = ()  # one for each style image, or as they are
    tint: Recolor = _as_it_is  # content with the colors that its chroma fades into
    key: tuple[Any, ...] = ()  # what the styles' new colors depend on

    def style(self, index: int, picture: Picture) -> Picture:
        """Return a style image in its new colors."""
        return self.styles[index](picture) if self.styles else picture


def choose_coloring(config: StyleConfig, inputs: Inputs) -> Coloring:
    """Return what the config's `color`, `color_strength` and `palette` ask for.

    `content_match` and `content_luminance` are the two ways of Gatys et al. to preserve
    the content's color ("Preserving Color in Neural Artistic Style Transfer", 2016;
    "Controlling Perceptual Factors", 2017); `style` is the first turned round.
    """
    if inputs.colors is not None:  # of a film: colors of its frames would flicker
        inputs = replace(inputs, content=inputs.colors, colors=None)
    if config.color == "content_luminance":
        return _luminance(config, inputs)
    if config.color == "content_match":
        return _match(config, inputs)
    return _style(config, inputs)


def _style(config: StyleConfig, inputs: Inputs) -> Coloring:
    """The content image gets the styles' colors, or all of them a palette's."""
    content = _toward_style(config, inputs, config.color_strength)
    if inputs.palette is None or config.palette is None:
        shared = _shared(config, inputs, config.color_strength)
        own = [config.color_strength, *(style.color for style in config.styles)]
        seen = {k: v for k, v in inputs.checksums.items() if k.startswith("styles")}
        key = ("shared", *_tints(config), *own, *seen.values()) if shared else ()
        return Coloring(content, styles=shared, key=key)
    like, strength = [inputs.palette], config.color_strength
    styles = [
        _mapped(color_map(each, like, within=part), strength)
        for each, part in _taken(inputs)
    ]
    key = ("palette", strength, inputs.checksums["palette"])
    return Coloring(content, styles=styles, key=key)


def _toward_style(config: StyleConfig, inputs: Inputs, strength: float) -> Recolor:
    """Return what gives the content image the styles' colors, or the palette's."""
    if inputs.palette is not None and config.palette is not None:
        whole = color_map(inputs.content, [inputs.palette])
    elif config.objective.needs_style and inputs.styles:
        if any(mask is not None for mask in inputs.style_masks):
            return _by_region(config, inputs, strength) if strength else _as_it_is
        parts = inputs.source_masks
        whole = color_map(inputs.content, inputs.styles, _tints(config), parts=parts)
    else:
        return _as_it_is
    return _mapped(whole, strength)


def _tints(config: StyleConfig) -> list[float]:
    """Return what each style counts for color."""
    return [style.weight * style.color for style in config.styles]


def _shared(config: StyleConfig, inputs: Inputs, strength: float) -> Sequence[Recolor]:
    """Return what gives styles the colors of all, as far as their own are not wanted.

    Gram matrices of any layer hold colors, those of strokes too.
    """
    if all(style.color == 1 for style in config.styles):
        return ()
    like, parts, tints = inputs.styles, inputs.source_masks, _tints(config)
    return [
        _mapped(
            color_map(each, like, tints, within=part, parts=parts),
            (1 - style.color) * strength,
        )
        for (each, part), style in zip(_taken(inputs), config.styles, strict=True)
    ]


def _by_region(config: StyleConfig, inputs: Inputs, strength: float) -> Recolor:
    """Return what gives each region of the content image the colors of its style."""
    masks, weights = inputs.style_masks, [style.weight for style in config.styles]
    colored = Coloring(styles=_shared(config, inputs, strength))
    maps = []
    for i, (style, source) in enumerate(_taken(inputs)):
        like = [colored.style(i, style)]
        whole = color_map(inputs.content, like, within=masks[i], parts=[source])
        maps.append(_mapped(whole, strength))

    def recolor(picture: Picture) -> Picture:
        size = picture.shape[:2]
        moved = np.zeros_like(picture)
        resized = [None if each is None else fit(each, size) for each in masks]
        parts = coverage(resized, weights, size)
        for part, colors in zip(parts, maps, strict=True):
            moved += part[..., None] * (colors(picture) - picture)
        return _inside(picture + moved)

    return recolor


def _match(config: StyleConfig, inputs: Inputs) -> Coloring:
    """Each style image gets the content's colors, where it goes (Gatys et al. 2016)."""
    strength = config.color_strength
    maps = _like_content(inputs, _as_it_is)
    styles = [_mapped(colors, strength) for colors in maps]
    key = ("match", strength, *_places(inputs))
    return Coloring(styles=styles, key=key)


def _luminance(config: StyleConfig, inputs: Inputs) -> Coloring:
    """All are grey, styles as light and as varied as the content (2017, eq. 10)."""
    maps = _like_content(inputs, _greyed)
    # Chroma is mixed where it is needed; all of the content's needs no other.
    tinted = 1.0 if config.color_strength < 1 else 0.0
    return Coloring(
        content=_greyed,
        photo=_greyed,
        styles=[_after_greying(each) for each in maps],
        tint=_toward_style(config, inputs, tinted),
        key=("luminance", *_places(inputs)),
    )


def _like_content(inputs: Inputs, seen: Recolor) -> list[ColorMap]:
    """Return what gives each style the content's colors where it goes."""
    goes = inputs.style_masks or [None] * len(inputs.styles)
    content = [seen(inputs.content)]
    return [
        color_map(seen(style), content, within=part, parts=[mask])
        for (style, part), mask in zip(_taken(inputs), goes, strict=True)
    ]


def _places(inputs: Inputs) -> list[str]:
    """Return checksums of the content and of where styles go in it."""
    return [
        checksum
        for name, checksum in inputs.checksums.items()
        if name == "content" or name.endswith(".mask")
    ]


def _taken(inputs: Inputs) -> list[tuple[Picture, FloatArray | None]]:
    """Return each style image and the mask of the part of it that is taken."""
    parts = inputs.source_masks or [None] * len(inputs.styles)
    return [*zip(inputs.styles, parts, strict=True)]


def _mapped(colors: ColorMap, strength: float) -> Recolor:
    """Return what goes so far, in [0, 1], on the way to a map's colors."""
    if strength in (0, 1):  # without rounding
        return colors if strength else _as_it_is

    def mixed(picture: Picture) -> Picture:
        return _inside(picture + np.float32(strength) * (colors(picture) - picture))

    return mixed


def _inside(picture: Picture) -> Picture:
    """Return what rounding may have moved out of [0, 1]."""
    return np.clip(picture, 0, 1)


def _after_greying(colors: ColorMap) -> Recolor:
    return lambda style: colors(_greyed(style))


def _greyed(picture: Picture) -> Picture:
    """Return the grey picture (height, width, 3) that is as light."""
    return np.repeat(grey(picture), 3, axis=2)
