"""Where each style goes: the regions of a picture, at one of its sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

from tfstyle.images import FloatArray, resize_mask
from tfstyle.objective.guides import Mask, coverage


@dataclass(frozen=True)
class Regions:
    """The regions of a picture at one size; none if no style has a mask."""

    masks: tuple[Mask, ...] = ()  # of each region, (h, w), adding up to at most 1
    of_style: tuple[int | None, ...] = ()  # which one is that of a style

    @property
    def fractions(self) -> tuple[float, ...]:
        """How much of the picture each region is."""
        return tuple(float(mask.mean()) for mask in self.masks)


def divide(
    masks: Sequence[FloatArray | None],
    weights: Sequence[float],
    size: tuple[int, int],
    kept: FloatArray | None = None,
    guided: bool = False,
) -> Regions:
    """Divide a picture of a size, (h, w), among the styles by their masks.

    Each style with a mask has a region of its own; all without one share what is left.
    What is kept of the photograph is no style's: it would count as painted badly, and
    the rest be painted the more.

    Args:
        masks: of the styles, (height, width, 1), in [0, 1].
        weights: of the styles.
        size: of the picture.
        kept: a mask of what stays the photograph's, of that size.
        guided: of some style only a part is taken.
    """
    if kept is None and not guided and all(mask is None for mask in masks):
        return Regions(of_style=(None,) * len(masks))
    resized = [None if mask is None else fit(mask, size) for mask in masks]
    parts = coverage(resized, weights, size)
    if kept is not None:
        parts = [part * (1 - kept[..., 0]) for part in parts]
    regions: list[Mask] = []
    of_style: list[int | None] = []
    rest = None
    for mask, part in zip(masks, parts, strict=True):
        if mask is None and rest is not None:
            regions[rest] = regions[rest] + part
            of_style.append(rest)
            continue
        of_style.append(len(regions))
        rest = len(regions) if mask is None else rest
        regions.append(part)
    return Regions(tuple(regions), tuple(of_style))


def fit(mask: FloatArray, size: tuple[int, int]) -> Mask:
    """Return a mask, (height, width, 1), at a size, (h, w)."""
    return resize_mask(mask, *size)[..., 0]
