"""The pictures of a run, decoded and checked before TensorFlow is imported."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfstyle.config.schema import STARTS, StyleConfig
from tfstyle.engine.schedule import Scale, schedule
from tfstyle.images import (
    MAX_MEGAPIXELS,
    Metadata,
    fit_size,
    load_image,
    load_metadata,
    resize,
)
from tfstyle.vgg.layers import layer
from tfstyle.vgg.weights import weights_path

Picture = np.ndarray
"""RGB, float32, in [0, 1], shape (height, width, 3)."""


@dataclass(frozen=True)
class Inputs:
    """The pictures that a run works on, each at its own full size."""

    content: Picture
    styles: Sequence[Picture]
    start: Picture | None = None  # only where the config's `init` is a file
    keep: Metadata | None = None  # of the content, for the result's file


def checksums(inputs: Inputs) -> dict[str, str]:
    """Return a short checksum of each picture's pixels, by its place in the config."""
    named = [("content", inputs.content), ("init", inputs.start)]
    named += [(f"styles.{i}", style) for i, style in enumerate(inputs.styles)]
    return {
        name: hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()[:16]
        for name, picture in named
        if picture is not None
    }


Load = Callable[[str, float], Picture]
"""The path of a picture, and the most megapixels it may have, to its pixels."""


def load_inputs(config: StyleConfig, load: Load = load_image) -> Inputs:
    """Read the pictures that the config names.

    Args:
        config: with the paths.
        load: reads one; several runs may share one that remembers.

    Raises:
        ValueError: if a path is missing, a file is no picture or larger than
            `memory.max_megapixels`, or one is too small for the layers of the objective
            at some size of the schedule.
    """
    if config.content.path is None:
        raise ValueError("no content picture; give --content PATH or set content.path")
    for i, style in enumerate(config.styles):
        if style.path is None:
            raise ValueError(f"styles.{i} has no path; set it, or give --style PATH")
    if config.extractor.weights != "imagenet":
        weights_path(config.extractor.weights)
    most, output = config.memory.max_megapixels, config.output
    path = config.content.path
    inputs = Inputs(
        content=load(path, most),
        styles=[load(str(style.path), most) for style in config.styles],
        start=load_start(config, load),
        keep=load_metadata(path, output.profile, output.location, most),
    )
    check_inputs(config, inputs)
    return inputs


def load_start(config: StyleConfig, load: Load = load_image) -> Picture | None:
    """Read the picture to start from, where `init` is the path of one."""
    if config.init in STARTS:
        return None
    return load(config.init, config.memory.max_megapixels)


def as_picture(picture: Any, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """Accept an array, or the path of a file with at most so many megapixels.

    Raises:
        ValueError: unless it is a readable file or an array (height, width, 3), RGB,
            in [0, 1].
    """
    if isinstance(picture, str | os.PathLike):
        return load_image(picture, max_megapixels)
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(
            f"a picture of shape {array.shape} came, (height, width, 3) is expected; "
            "give RGB without a batch axis or alpha"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("a picture with NaN or infinite pixels came; repair it first")
    if array.dtype == np.uint8 or not 0 <= array.min() <= array.max() <= 1:
        raise ValueError(
            f"a picture of {array.dtype} from {array.min()} to {array.max()} came, "
            "floats in [0, 1] are expected; divide 8-bit pixels by 255"
        )
    return array.astype(np.float32)


def check_inputs(config: StyleConfig, inputs: Inputs) -> None:
    """Check that the pictures are those that the config needs, and large enough.

    Raises:
        ValueError: if a style picture is missing or has no options, or a picture is
            too small for a layer, as it is or at the coarsest size.
    """
    if len(config.styles) != len(inputs.styles):
        raise ValueError(
            f"styles has {len(config.styles)} entries for {len(inputs.styles)} style "
            "pictures; give one for each"
        )
    needs_style = config.objective.style_weight > 0 or config.init == "style"
    if needs_style and not inputs.styles:
        raise ValueError(
            "no style picture; give --style PATH or set styles, or do without: "
            "objective.style_weight=0 and another init"
        )
    _check_sizes(config, inputs)


def _check_sizes(config: StyleConfig, inputs: Inputs) -> None:
    needed = max((layer(name).min_side for name in config.objective.layers), default=1)
    deepest = (
        config.objective.layers[-1] if config.objective.layers else "the objective"
    )
    coarsest = schedule(config.pyramid, config.size)[0]
    named = [
        (f"content picture {config.content.path or ''}".strip(), inputs.content, 1.0)
    ]
    for style, picture in zip(config.styles, inputs.styles, strict=True):
        named.append(
            (f"style picture {style.path or ''}".strip(), picture, style.scale)
        )
    for name, picture, factor in named:
        height, width = picture.shape[:2]
        if min(height, width) < needed:
            raise ValueError(
                f"the {name} has {width} x {height} pixels, but {deepest} "
                f"needs at least {needed} x {needed}; use a larger picture"
            )
        height, width = size_at(coarsest, picture, factor)
        if min(height, width) < needed:
            raise ValueError(
                f"the {name} is {width} x {height} pixels at the coarsest "
                f"size, but {deepest} needs at least {needed} x {needed}; raise "
                "pyramid.min_size and size, crop the picture, or use shallower layers"
            )


def size_at(scale: Scale, picture: Picture, factor: float = 1.0) -> tuple[int, int]:
    """Return a picture's (height, width) at one scale, its long side times `factor`."""
    height, width, _ = picture.shape
    return fit_size(height, width, max(1, round(scale.size * factor)))


def cover(picture: Picture, height: int, width: int) -> Picture:
    """Fill (height, width) with the picture: its ratio kept, its overhang cut off."""
    old_height, old_width = picture.shape[:2]
    factor = max(height / old_height, width / old_width)
    new_height = max(height, round(old_height * factor))
    new_width = max(width, round(old_width * factor))
    top, left = (new_height - height) // 2, (new_width - width) // 2
    resized = resize(picture, new_height, new_width)
    return resized[top : top + height, left : left + width]
