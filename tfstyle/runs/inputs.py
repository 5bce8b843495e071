"""The pictures that a config names, read and checked before TensorFlow is imported."""

from collections.abc import Callable

from tfstyle.config import StyleConfig
from tfstyle.engine.checks import check_inputs
from tfstyle.engine.inputs import Inputs
from tfstyle.images import Metadata, Picture, load_image, load_mask, load_masks
from tfstyle.images import load_metadata as read_metadata
from tfstyle.vgg.weights import weights_path

Load = Callable[[str, float], Picture]
"""The path of a picture, and the most megapixels it may have, to its pixels."""


def load_inputs(config: StyleConfig, load: Load = load_image) -> Inputs:
    """Read the pictures that the config names.

    Args:
        config: with the paths.
        load: reads one; several runs may share one that remembers.

    Raises:
        ValueError: if a path or the weights' file is missing, a file is no picture or
            larger than `memory.max_megapixels`, or one is too small for the layers of
            the objective at some size of the schedule.
    """
    content = _check_paths(config)
    most = config.memory.max_megapixels
    inputs = Inputs(
        content=load(content, most),
        styles=[load(str(style.path), most) for style in config.styles],
        style_masks=load_masks([style.mask for style in config.styles], most),
        source_masks=load_masks([style.style_mask for style in config.styles], most),
        start=None if config.starts_by_name else load(config.init, most),
        palette=load(config.palette, most) if config.palette else None,
        mask=load_mask(config.keep.mask, most) if config.keep.mask else None,
    )
    check_inputs(config, inputs)
    return inputs


def _check_paths(config: StyleConfig) -> str:
    """Check that all paths are given; return the content's."""
    if config.content.path is None:
        raise ValueError("no content picture; give --content PATH or set content.path")
    for i, style in enumerate(config.styles):
        if style.path is None:
            raise ValueError(f"styles.{i} has no path; set it, or give --style PATH")
    if config.extractor.weights != "imagenet":
        weights_path(config.extractor.weights)
    return config.content.path


def load_metadata(config: StyleConfig) -> Metadata:
    """Read what the result's PNG keeps of the content picture's file, if that is one.

    Raises:
        ValueError: if the file is no picture.
    """
    path, output = config.content.path, config.output
    if path is None:
        return Metadata()
    most = config.memory.max_megapixels
    return read_metadata(path, output.profile, output.location, most)
