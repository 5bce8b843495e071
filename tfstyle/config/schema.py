"""YAML files and overrides in, one frozen and validated `StyleConfig` out.

Every option of tfstyle is a field below; configs/default.yaml explains each of them.
This module imports no TensorFlow, so a mistake is reported within a fraction of a
second.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from tfstyle.config.messages import explain, short
from tfstyle.config.objective import Objective
from tfstyle.config.types import File, Float, Integer, Section, Tile, Weight
from tfstyle.vgg.layers import in_color_block


class Content(Section):
    """The content image, whose arrangement is kept."""

    path: File | None = None


Fraction = Annotated[Float, Field(ge=0, le=1)]


class Style(Section):
    """A style image: one of those whose style is taken."""

    path: File | None = None
    weight: Annotated[Float, Field(ge=0)] = 1.0
    color: Fraction = 1.0
    strokes: Fraction = 1.0
    scale: Annotated[Float, Field(gt=0, le=8)] = 1.0
    mask: File | None = None
    style_mask: File | None = None

    def weight_at(self, layer: str) -> float:
        """Return what it counts at a layer: the first block sees colors and grain."""
        return self.weight * (self.color if in_color_block(layer) else self.strokes)


STYLE_PICTURES = ("path", "mask", "style_mask")
"""The keys of a style that name pictures."""


class Keep(Section):
    """Where the photograph's own pixels stay; see `tfstyle.engine.parametrization`."""

    mask: File | None = None


class Extractor(Section):
    """Which VGG19 looks at the pictures."""

    weights: File = "bundled"
    pooling: Literal["avg", "max"] = "max"
    normalized: bool = False
    padding: Literal["mirror", "zeros"] = "mirror"


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
    details: Fraction = 0.5


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


class Video(Section):
    """How the frames of a film hang together; see `tfstyle.clips`."""

    steps: Annotated[Integer, Field(ge=1, le=1_000_000)] = 10
    temporal_weight: Weight = 100.0


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
    color: Literal["style", "content_luminance", "content_match"] = "style"
    color_strength: Fraction = 1.0
    palette: File | None = None
    stroke: Annotated[Float, Field(ge=0.5, le=4)] = 1.0
    direction: Literal[0, 90, 180, 270, "mirror", "flip", "all"] = 0
    photorealism: Fraction = 0.0
    keep: Annotated[Keep, Field(examples=["{mask: mask.png}"])] = Keep()
    extractor: Extractor = Extractor()
    objective: Objective = Objective()
    optimizer: Optimizer = Optimizer()
    pyramid: Pyramid = Pyramid()
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory: Memory = Memory()
    output: Output = Output()
    video: Video = Video()

    @field_validator("palette")
    @classmethod
    def _palette_is_for_new_colors(
        cls, palette: str | None, info: ValidationInfo
    ) -> str | None:
        color = info.data.get("color", "style")  # not there if it is wrong itself
        if palette is not None and color != "style":
            raise ValueError(
                f"it is of no use with color={color}, where colors are the content's; "
                "leave it out, or set color=style"
            )
        return palette

    @field_validator("styles")
    @classmethod
    def _some_style_counts(cls, styles: list[Style]) -> list[Style]:
        if styles and not any(style.weight for style in styles):
            raise ValueError(
                "the weights of all styles are zero; give one of them more than 0, "
                "or do without: styles=[], objective.style_weight=0"
            )
        for part in ("color", "strokes"):
            if styles and not any(s.weight * getattr(s, part) for s in styles):
                raise ValueError(
                    f"no style with a weight has {part}; give one of them more than 0"
                )
        return styles

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


def picture_places(data: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return the sections and keys of a dumped config that name pictures or are null.

    Without `init`, which may be a word.
    """
    of_styles = ((style, key) for style in data["styles"] for key in STYLE_PICTURES)
    others = [(data["content"], "path"), (data, "palette"), (data["keep"], "mask")]
    return [*others, *of_styles]


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
        _replace_in_list(data, key, rest, value)
        return
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


def _replace_in_list(
    items: list[Any], number: str, keys: list[str], value: Any
) -> None:
    """Set data.0.b = value for keys [b] of the entry 0."""
    if not (number.isdecimal() and int(number) < len(items)):
        which = f"0 to {len(items) - 1}" if items else "none yet"
        raise ValueError(
            f"{short(number)} is no entry of a list; there is {which}: name one, or "
            "set the whole list, as in --set 'styles=[{path: a.jpg}]'"
        )
    if keys and isinstance(items[int(number)], dict | list):
        _replace(items[int(number)], keys, value)
    else:
        items[int(number)] = {".".join(keys): value} if keys else value


SECTIONS = frozenset(
    name
    for name, field in StyleConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
)
