"""YAML files and overrides in, one frozen and validated `StyleConfig` out.

Every option of tfstyle is a field below; configs/default.yaml explains each of them.
This module imports no TensorFlow, so a mistake is reported within a fraction of a
second.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from tfstyle.config.messages import explain, short
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
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        value = os.path.expanduser(value)
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


STYLE_LOSSES = ["gram", "moments"]
"""What style may be matched by; the formulas are in `tfstyle.objective.terms`."""


def _style_loss(name: str) -> str:
    if name not in STYLE_LOSSES:
        known = ", ".join(STYLE_LOSSES)
        raise ValueError(f"it should be one of {known}{nearest(name, STYLE_LOSSES)}")
    return name


Float = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Integer = Annotated[int, BeforeValidator(_number)]
Weight = Annotated[Float, Field(ge=0)]
File = Annotated[str, BeforeValidator(_file)]
Tile = Annotated[Literal["auto", "off"] | int, BeforeValidator(_tile)]
StyleLoss = Annotated[str, AfterValidator(_style_loss)]
Layers = dict[Annotated[str, AfterValidator(_layer)], Weight]


class Section(BaseModel):
    """A group of keys: unknown ones are errors, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Content(Section):
    """The picture whose arrangement is kept."""

    path: File | None = None


class Style(Section):
    """One of the pictures whose manner is taken."""

    path: File | None = None
    weight: Annotated[Float, Field(gt=0)] = 1.0
    scale: Annotated[Float, Field(gt=0, le=8)] = 1.0


class Extractor(Section):
    """Which VGG19 looks at the pictures."""

    weights: File = "bundled"
    pooling: Literal["avg", "max"] = "avg"
    normalized: bool = False


class Objective(Section):
    """What is minimised; see `tfstyle.objective.whole`."""

    formulation: Literal["relative", "mean", "paper"] = "relative"
    content_weight: Weight = 1.0
    content_layers: Annotated[Layers, Field(examples=["{block4_conv2: 1}"])] = {
        "block4_conv2": 1.0
    }
    style_weight: Weight = 20.0
    style_layers: Annotated[Layers, Field(examples=["{block1_conv1: 1}"])] = {
        f"block{block}_conv1": 0.2 for block in range(1, 6)
    }
    style_loss: StyleLoss = "gram"
    tv_weight: Weight = 1.0
    tv_reduction: Literal["auto", "mean", "sum"] = "auto"

    @model_validator(mode="after")
    def _something_to_minimize(self) -> Self:
        if not self.layers and not self.tv_weight:
            raise ValueError(
                "all weights are zero, so there is nothing to minimise; set "
                "content_weight, style_weight or tv_weight above 0, with layers"
            )
        return self

    @property
    def active_content(self) -> dict[str, float]:
        """The content layers that count: both weights are above zero."""
        return _active(self.content_weight, self.content_layers)

    @property
    def active_style(self) -> dict[str, float]:
        """The style layers that count."""
        return _active(self.style_weight, self.style_layers)

    @property
    def layers(self) -> list[str]:
        """The layers that count, from shallow to deep."""
        wanted = self.active_content | self.active_style
        return [name for name in VGG19_LAYERS if name in wanted]

    @property
    def sums_variation(self) -> bool:
        """Whether the variation is a sum over pixels, as in `paper`, or a mean."""
        if self.tv_reduction == "auto":
            return self.formulation == "paper"
        return self.tv_reduction == "sum"


def _active(weight: float, layers: Mapping[str, float]) -> dict[str, float]:
    return {name: each for name, each in layers.items() if weight * each > 0}


class Optimizer(Section):
    """How the pixels are moved; see `tfstyle.optimizers.lbfgs`."""

    name: Literal["lbfgs", "adam"] = "lbfgs"
    history: Annotated[Integer, Field(ge=1, le=100)] = 10
    history_precision: Literal["float32", "bfloat16"] = "float32"
    tolerance: Annotated[Float, Field(ge=0, lt=1)] = 0.001
    learning_rate: Annotated[Float, Field(gt=0)] = 0.02
    beta_1: Annotated[Float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[Float, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Float, Field(gt=0)] = 1e-7


class Pyramid(Section):
    """From coarse to fine; see `tfstyle.engine.schedule`."""

    min_size: Annotated[Integer, Field(ge=16)] | None = 128
    steps: Annotated[
        list[Annotated[Integer, Field(ge=1, le=1_000_000)]],
        Field(min_length=1, examples=["[100, 60]"]),
    ] = [100, 60, 40]


class Memory(Section):
    """How much a run may take; see `tfstyle.engine.plan`."""

    limit_gib: Annotated[Float, Field(gt=0)] | None = None
    tile: Tile = "auto"
    max_megapixels: Annotated[Float, Field(gt=0, le=4000)] = 89.0


class Output(Section):
    """What a run writes beside its result."""

    snapshot_every: Annotated[Integer, Field(ge=0)] = 0
    checkpoint_every: Weight = 30.0
    film: Literal["gif", "webp", "mp4"] | None = None
    profile: Literal["srgb", "content"] = "srgb"
    location: bool = False


STARTS = ("content", "noise", "style")
"""What `init` may be; anything else is the path of a picture."""


class StyleConfig(Section):
    """Everything that decides what a run computes.

    Raises:
        ValueError: (a pydantic `ValidationError`) for an unknown key, a value of the
            wrong type or out of its range.
    """

    content: Annotated[Content, Field(examples=["{path: photo.jpg}"])] = Content()
    styles: Annotated[list[Style], Field(examples=["[{path: painting.jpg}]"])] = []
    size: Annotated[Integer, Field(ge=16, le=65536)] = 512
    init: File = "content"
    seed: Annotated[Integer, Field(ge=0, lt=2**63)] = 0
    extractor: Extractor = Extractor()
    objective: Objective = Objective()
    optimizer: Optimizer = Optimizer()
    pyramid: Pyramid = Pyramid()
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory: Memory = Memory()
    output: Output = Output()

    @property
    def starts_by_name(self) -> bool:
        """Whether `init` is one of `STARTS`, not the path of a picture."""
        return self.init in STARTS

    def with_overrides(self, overrides: Mapping[str, Any]) -> "StyleConfig":
        """Return this config with dotted keys such as "objective.tv_weight" replaced.

        A value that is a mapping replaces only the keys it names, except for
        `content_layers` and `style_layers`, which it replaces as a whole.

        Raises:
            ValueError: for an unknown key or a bad value, in one line.
        """
        data = self.model_dump()
        for key, value in overrides.items():
            _replace(data, key.split("."), value)
        return validate(data)

    def to_yaml(self) -> str:
        """Return the config with every key, in the order of configs/default.yaml."""
        return yaml.safe_dump(
            self.model_dump(), sort_keys=False, allow_unicode=True, width=88
        )


def validate(data: Any) -> StyleConfig:
    """Turn plain data into a config.

    Raises:
        ValueError: with one line that names the key, what came and what is expected.
    """
    if not isinstance(data, Mapping):
        raise ValueError(
            f"expected keys with values, such as 'size: 512', not {short(data)}"
        )
    try:
        return StyleConfig.model_validate(data)
    except ValidationError as error:
        raise ValueError(explain(error, StyleConfig)) from error


def _replace(data: Any, keys: list[str], value: Any) -> None:
    """Set data[a][b] = value for keys [a, b]; a mapping is merged key by key."""
    key, *rest = keys
    if isinstance(data, list):
        raise ValueError(
            f"{short(key)} is inside a list; set the whole list, as in "
            "--set 'styles=[{path: a.jpg}]'"
        )
    inner = data.get(key)
    if rest and isinstance(inner, dict | list):
        _replace(inner, rest, value)
    elif rest:
        data[key] = {".".join(rest): value}  # wrong: let the validation name it
    elif isinstance(inner, dict) and isinstance(value, Mapping) and key in SECTIONS:
        for name, item in value.items():
            _replace(inner, [str(name)], item)
    else:
        data[key] = value


SECTIONS = frozenset(
    name
    for name, field in StyleConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
)
