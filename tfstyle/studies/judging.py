"""Four measures of a result that no objective minimizes; lower is better in each.

composition      how far the places that look alike differ from the content image's
style_transport  how far the features' distribution is from the style image's
borrowed         the fraction of places with deep features nearer to some place of the
                 style image than to the content image there: the painting's subject
grain            the finest detail, over that of the content or style image, whichever
                 has more

No number is the whole truth: look at the pictures. They are measured with VGG19 as it
was trained (max pooling, float32), at most 512 px large.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import Picture, fit_size, resize
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept

MEASURES = ("composition", "style_transport", "borrowed", "grain")
LONG_SIDE = 512  # pixels
LAYERS = ("block2_conv2", "block3_conv3", "block4_conv3")  # of style
ALIKE, DEEP = "block4_conv3", "block5_conv3"
GRID = (24, 32)  # places that are compared with each other
DIRECTIONS, QUANTILES = 96, 257

Array = npt.NDArray[np.float32]
Features = Mapping[str, Array]
"""Layer to features, (h, w, C)."""


def judge(inputs: Inputs, image: Picture, kept: "Kept") -> dict[str, float]:
    """Measure a result, (h, w, 3) in [0, 1], by `MEASURES`; without a style, by two.

    Args:
        inputs: the pictures of a run.
        image: its result.
        kept: networks that several measurements share.
    """
    long_side = min(LONG_SIDE, max(image.shape))
    result = _at(image, long_side)
    content = resize(inputs.content, *result.shape[:2])
    styles = [_at(each, long_side) for each in inputs.styles]
    seen = _extract([result, content, *styles], kept)
    features, of_content, *of_styles = seen
    return {
        "composition": composition(features[ALIKE], of_content[ALIKE]),
        **_against_styles(features, of_content, of_styles),
        "grain": grain(result) / max(grain(each) for each in (content, *styles)),
    }


def _at(picture: Picture, long_side: int) -> Picture:
    height, width, _ = picture.shape
    return resize(picture, *fit_size(height, width, long_side))


def _against_styles(
    features: Features, of_content: Features, of_styles: Sequence[Features]
) -> dict[str, float]:
    if not of_styles:
        return {}
    distances = [
        np.mean([distribution_distance(features[k], each[k]) for k in LAYERS])
        for each in of_styles
    ]
    deep = [each[DEEP] for each in of_styles]
    return {
        "style_transport": float(np.mean(distances)),
        "borrowed": borrowed(features[DEEP], of_content[DEEP], deep),
    }


def _extract(pictures: Sequence[Picture], kept: "Kept") -> list[Features]:
    require_tensorflow()
    measuring = StyleConfig().with_overrides(
        {
            "extractor.pooling": "max",
            "objective.style_weight": 0,
            "objective.content_layers": dict.fromkeys((*LAYERS, DEEP), 1.0),
        }
    )
    with prepared():
        network = kept.network(measuring, "float32")
        if network is None:
            return []
        found = [network(picture[None]) for picture in pictures]
        return [{k: np.asarray(v)[0] for k, v in each.items()} for each in found]


def composition(features: Array, content: Array) -> float:
    """Return the mean difference of self-similarity, (h, w, C) each.

    Cosine distances of all pairs of places on a grid, over their mean (after Kolkin et
    al. 2019, eq. 7).
    """
    result, target = (_self_distances(resize_features(f)) for f in (features, content))
    return float(np.abs(result - target).mean())


def resize_features(features: Array) -> Array:
    """Return features at the places of a grid, as rows."""
    rows, columns = (
        np.clip(((np.arange(count) + 0.5) * side / count).astype(int), 0, side - 1)
        for count, side in zip(GRID, features.shape, strict=False)
    )
    places: Array = features[rows][:, columns].reshape(-1, features.shape[-1])
    return places


def _self_distances(rows: Array) -> Array:
    costs: Array = 1 - _unit(rows) @ _unit(rows).T
    relative: Array = costs / np.float32(max(costs.mean(), 1e-8))
    return relative


def distribution_distance(features: Array, style: Array) -> float:
    """Return the sliced Wasserstein distance, in standard deviations of the style's.

    The mean absolute difference of quantiles along fixed random directions (Rabin et
    al. 2011).
    """
    spread = style.std((0, 1)) + 1e-3 * style.std()
    rng, across = np.random.default_rng(0), style.shape[-1]
    directions = _unit(rng.normal(size=(DIRECTIONS, across)).astype(np.float32)).T
    levels = np.linspace(0, 1, QUANTILES)
    found, wanted = (
        np.quantile((f / spread).reshape(-1, across) @ directions, levels, axis=0)
        for f in (features, style)
    )
    return float(np.abs(found - wanted).mean())


def borrowed(features: Array, content: Array, styles: Sequence[Array]) -> float:
    """Return the fraction of places that are nearer to a style than to the content."""
    flat = [each.reshape(-1, each.shape[-1]) for each in (features, content, *styles)]
    result, photo, *paintings = flat
    middle = (photo.mean(0) + np.mean([each.mean(0) for each in paintings], 0)) / 2
    unit = _unit(result - middle)
    to_photo = 1 - np.sum(unit * _unit(photo - middle), 1)
    to_painting = np.min(
        [np.min(1 - unit @ _unit(each - middle).T, 1) for each in paintings], 0
    )
    return float(np.mean(to_painting < to_photo))


def grain(picture: Picture) -> float:
    """Return the root mean square of what halving a picture's size loses, in luma."""
    luma = (picture @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    height, width, _ = luma.shape
    half = resize(luma, max(1, height // 2), max(1, width // 2))
    return float(np.sqrt(np.mean((luma - resize(half, height, width)) ** 2)))


def _unit(rows: Array) -> Array:
    unit: Array = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-8)
    return unit
