"""The pictures of a run, as they were read."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfstyle.engine.schedule import Scale
from tfstyle.images import FloatArray, Picture, fit_size

Masks = Sequence[FloatArray | None]


@dataclass(frozen=True)
class Inputs:
    """The pictures that a run works on, each at its own full size."""

    content: Picture
    styles: Sequence[Picture]
    start: Picture | None = None  # only where the config's `init` is a file
    palette: Picture | None = None  # only where the config has a `palette`
    mask: FloatArray | None = None  # (height, width, 1), 1 where the content stays
    style_masks: Masks = ()  # of each style, likewise: where it goes; or none
    source_masks: Masks = ()  # and which part of it is taken
    # Of a frame of a film, at any size:
    previous: Picture | None = None  # the last result, moved to where things are now
    trust: FloatArray | None = None  # (height, width, 1), 1 where that can be true
    colors: Picture | None = None  # whose colors count as the content's

    @property
    def all(self) -> list[FloatArray]:
        """All that there are."""
        some = [self.start, self.palette, self.mask]
        some += [self.previous, self.trust, self.colors]
        some += [*self.style_masks, *self.source_masks]
        return [
            self.content,
            *self.styles,
            *(each for each in some if each is not None),
        ]

    @functools.cached_property
    def checksums(self) -> dict[str, str]:
        """A short checksum of each picture's pixels, by its place in the config."""
        named = [("content", self.content), ("init", self.start)]
        named += [("palette", self.palette), ("keep.mask", self.mask)]
        for name, pictures in (
            ("styles.{}", self.styles),
            ("styles.{}.mask", self.style_masks),
            ("styles.{}.style_mask", self.source_masks),
        ):
            named += [(name.format(i), each) for i, each in enumerate(pictures)]
        return {
            name: _checksum(picture) for name, picture in named if picture is not None
        }


def _checksum(picture: FloatArray) -> str:
    """Return that of the shape and the pixels."""
    found = hashlib.sha256(repr(picture.shape).encode())
    found.update(np.ascontiguousarray(picture).data)
    return found.hexdigest()[:16]


def size_at(scale: Scale, picture: Picture, factor: float = 1.0) -> tuple[int, int]:
    """Return a picture's (height, width) at one scale, its long side times `factor`."""
    height, width, _ = picture.shape
    return fit_size(height, width, max(1, round(scale.size * factor)))
