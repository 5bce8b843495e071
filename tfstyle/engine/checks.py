"""Whether a run's pictures are those that its config needs, and large enough."""

import warnings
from collections.abc import Sequence

from tfstyle.config import StyleConfig, with_stroke
from tfstyle.engine.inputs import Inputs, size_at
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale, schedule
from tfstyle.images import Picture
from tfstyle.vgg.layers import layer

ENLARGED = 1.25  # times its pixels, up to which a style image is as good as its file


def check_inputs(config: StyleConfig, inputs: Inputs) -> None:
    """Check that the pictures are those that the config needs, and large enough.

    Raises:
        ValueError: if a picture is missing or a style has no options, the mask keeps
            everything, or a picture is too small for a layer, as it is or at the
            coarsest size.
    """
    config = with_stroke(config)
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
    _check_masks(config, inputs)
    _check_sizes(config, inputs)
    _warn_of_enlarged(config, inputs)


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


def _check_masks(config: StyleConfig, inputs: Inputs) -> None:
    """Check that the masks of the styles leave something, at the coarsest size too."""
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


def _warn_of_enlarged(config: StyleConfig, inputs: Inputs) -> None:
    """Warn of style images that are looked at with more pixels than they have."""
    last = schedule(config.pyramid, config.size)[-1]
    needed = config.objective.needs_style
    for style, picture in zip(config.styles, inputs.styles, strict=True):
        there, wanted = (
            max(each)
            for each in (picture.shape[:2], size_at(last, picture, style.scale))
        )
        if style.weight and wanted > ENLARGED * there and needed:
            warnings.warn(
                f"the style picture {style.path or ''} is enlarged from {there} to "
                f"{wanted} pixels, so its strokes are blurred; use a larger file, or "
                "lower its scale, stroke or size",
                RuntimeWarning,
                stacklevel=2,
            )


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
            f"{needed} x {needed}; raise pyramid.min_size and size, or a style's "
            "scale or stroke, crop the picture, or use shallower layers"
        )
