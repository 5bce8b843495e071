"""The types of options: how a value is read, and what it may be."""

import os
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from tfstyle.config.messages import short
from tfstyle.errors import nearest
from tfstyle.vgg.layers import VGG19_LAYERS


def _number(value: Any) -> Any:
    """Read "1e4" as a number: to YAML 1.1 it is a string, and `true` is no number."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError("a number is needed") from None
    return value


def _file(value: Any) -> Any:
    """Take what names a file as Python's own functions do; ~ is the home folder.

    Raises:
        ValueError: if it is empty, or has characters that are in no file's name.
    """
    if isinstance(value, str | bytes | os.PathLike):
        value = os.path.expanduser(os.fsdecode(value))
        try:
            possible = value and b"\0" not in os.fsencode(value)
        except UnicodeEncodeError:
            possible = False
        if not possible:
            raise ValueError("no file can have this name; give a path")
    return value


def _tile(value: Any) -> Any:
    """Read what YAML 1.1 takes for false as the word that was written."""
    if value is False:
        return "off"
    if value in ("auto", "off"):
        return value
    try:
        side = _number(value)
        if side == int(side) and 64 <= side <= 16384:
            return int(side)
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError("it should be auto, off, or 64 to 16384 pixels")


def _layer(name: str) -> str:
    if name not in VGG19_LAYERS:
        way = nearest(name, VGG19_LAYERS) or "; see block1_conv1 ... block5_pool"
        if name.partition(":")[0] in VGG19_LAYERS:
            way = "; YAML wants a space after the colon, as in {block4_conv2: 1}"
        raise ValueError(f"{short(name)} is no layer of VGG19{way}")
    return name


Float = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Integer = Annotated[int, BeforeValidator(_number)]
Weight = Annotated[Float, Field(ge=0)]
File = Annotated[str, BeforeValidator(_file)]
Tile = Annotated[Literal["auto", "off"] | int, BeforeValidator(_tile)]
Weights = Annotated[
    Annotated[Weight, Tag("[one]")]
    | Annotated[list[Weight], Field(min_length=1), Tag("[each]")],
    Discriminator(lambda value: "[each]" if isinstance(value, list) else "[one]"),
]
"""One for all sizes, or one for each size from the coarsest on; the last repeats."""
Layers = dict[Annotated[str, AfterValidator(_layer)], Weights]


class Section(BaseModel):
    """A group of keys: unknown ones are errors, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
