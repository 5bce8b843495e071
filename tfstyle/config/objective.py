"""The section `objective`: what is minimized, at each size."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tfstyle.config.types import Integer, Layers, Section, Weights
from tfstyle.errors import nearest
from tfstyle.vgg.layers import VGG19_LAYERS

CONTENT_LOSSES = ["features", "self_similarity"]
STYLE_LOSSES = ["gram", "moments", "covariance", "sliced_wasserstein", "nearest"]
"""What may be matched; the formulas are in `tfstyle.objective`."""


def _known_loss(name: str, known: Sequence[str]) -> str:
    if name not in known:
        listed = ", ".join(known)
        raise ValueError(f"it should be one of {listed}{nearest(name, known)}")
    return name


ContentLoss = Annotated[
    str, AfterValidator(lambda name: _known_loss(name, CONTENT_LOSSES))
]
StyleLoss = Annotated[str, AfterValidator(lambda name: _known_loss(name, STYLE_LOSSES))]
AnyLoss = Annotated[
    str,
    AfterValidator(lambda name: _known_loss(name, [*CONTENT_LOSSES, *STYLE_LOSSES])),
]


class Further(Section):
    """A term beside content and style, with a column of its own in the log."""

    loss: AnyLoss
    weight: Weights = 1.0
    layers: Annotated[Layers, Field(examples=["{block4_conv2: 1}"])]


class Objective(Section):
    """What is minimized; see `tfstyle.objective.groups`."""

    formulation: Literal["relative", "mean", "paper"] = "relative"
    content_weight: Weights = 1.0
    content_layers: Annotated[Layers, Field(examples=["{block4_conv2: 1}"])] = {
        "block4_conv2": 1.0
    }
    content_loss: ContentLoss = "features"
    style_weight: Weights = 35.0
    style_layers: Annotated[Layers, Field(examples=["{block1_conv1: 1}"])] = {
        "block1_conv1": 0.2,
        "block2_conv1": 0.2,
        "block3_conv1": 0.2,
        "block3_conv3": 0.1,
        "block4_conv1": [0.0, 0.1],
    }
    style_loss: StyleLoss = "gram"
    further: Annotated[
        list[Further],
        Field(examples=["[{loss: nearest, weight: 1, layers: {block4_conv2: 1}}]"]),
    ] = []
    samples: Annotated[Integer, Field(ge=16, le=8192)] = 1024
    tv_weight: Weights = 5.0
    tv_reduction: Literal["auto", "mean", "sum"] = "auto"

    @model_validator(mode="after")
    def _something_to_minimize(self) -> Self:
        if not self.layers and not largest(self.tv_weight):
            raise ValueError(
                "all weights are zero, so there is nothing to minimise; set "
                "content_weight, style_weight or tv_weight above 0, with layers"
            )
        return self

    def at(self, index: int) -> "Objective":
        """Return the objective of one size, with one number for each weight.

        Args:
            index: of the size, from the coarsest.
        """
        return self.model_copy(
            update={
                **_weights_at(self, index),
                "further": [
                    each.model_copy(update=_weights_at(each, index))
                    for each in self.further
                ],
            }
        )

    @property
    def active_content(self) -> dict[str, Weights]:
        """The content layers that count: both weights are above zero at some size."""
        return active(self.content_weight, self.content_layers)

    @property
    def active_style(self) -> dict[str, Weights]:
        """The style layers that count."""
        return active(self.style_weight, self.style_layers)

    @property
    def layers(self) -> list[str]:
        """The layers that count at some size, from shallow to deep."""
        wanted = {*self.active_content, *self.active_style}
        for each in self.further:
            wanted |= active(each.weight, each.layers).keys()
        return [name for name in VGG19_LAYERS if name in wanted]

    @property
    def compared(self) -> set[str]:
        """The layers whose features are compared with the content's in place."""
        own = self.active_content if self.content_loss == "features" else {}
        further = [
            active(each.weight, each.layers)
            for each in self.further
            if each.loss == "features"
        ]
        return {name for layers in (own, *further) for name in layers}

    @property
    def needs_style(self) -> bool:
        """Whether some term with a weight looks at a style image."""
        return largest(self.style_weight) > 0 or any(
            each.loss in STYLE_LOSSES and largest(each.weight) > 0
            for each in self.further
        )

    @property
    def sums_variation(self) -> bool:
        """Whether the variation is a sum over pixels, as in `paper`, or a mean."""
        if self.tv_reduction == "auto":
            return self.formulation == "paper"
        return self.tv_reduction == "sum"


def active(weight: Weights, layers: Mapping[str, Weights]) -> dict[str, Weights]:
    """Return the layers that count at some size: no weight is zero at all of them."""
    some = largest(weight) > 0
    return {name: each for name, each in layers.items() if some and largest(each) > 0}


def largest(weight: Weights) -> float:
    """Return a weight at the size where it is largest."""
    return max(weight) if isinstance(weight, list) else weight


def weight_at(weight: Weights, index: int) -> float:
    """Return a weight at one size, from the coarsest."""
    if isinstance(weight, list):
        return weight[min(index, len(weight) - 1)]
    return weight


def _weights_at(section: Section, index: int) -> dict[str, Any]:
    """Return the weights and layers of a section, with one number for each."""
    found: dict[str, Any] = {}
    for key, value in section:
        if key.endswith("weight"):
            found[key] = weight_at(value, index)
        elif key.endswith("layers"):
            found[key] = {name: weight_at(each, index) for name, each in value.items()}
    return found
