"""Lightness and chroma of colors, in OkLab (Ottosson 2020).

OkLab is a color space whose lightness L, alone, is what the eye takes for the lightness
of a color, and whose a and b are its chroma: zero for greys.
"""

import numpy as np
import numpy.typing as npt

from tfstyle.images.arrays import FloatArray, Picture, strips

# Ottosson's matrices: linear sRGB to cones, and roots of these to L, a and b.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
FROM_CONES = np.linalg.inv(TO_CONES.astype(np.float64)).astype(np.float32)
FROM_LAB = np.linalg.inv(TO_LAB.astype(np.float64)).astype(np.float32)

ROUNDING = 1e-5  # beyond [0, 1] in linear light, and still the gamut
HALVINGS = 14  # of the interval in which the largest chroma lies

Array = npt.NDArray[np.float32]


def oklab(picture: Picture) -> FloatArray:
    """Return OkLab's L, a and b of a picture, (height, width, 3).

    L is 0 for black and 1 for white; a and b are about -0.3 to 0.3, 0 for greys.
    """
    values = np.empty_like(picture, np.float32)
    for part, target in strips(picture, values):
        target[...] = _oklab(part)
    return values


def grey(picture: Picture) -> FloatArray:
    """Return the greys that are as light as a picture's colors.

    Args:
        picture: (height, width, 3), in [0, 1].

    Returns:
        (height, width, 1), in [0, 1]: the value that all three channels have.
    """
    values = np.empty((*picture.shape[:2], 1), np.float32)
    for part, target in strips(picture, values):
        target[...] = np.clip(_encoded(_oklab(part)[..., :1] ** 3), 0, 1)
    return values


def chroma(picture: Picture) -> FloatArray:
    """Return OkLab's a and b of a picture, (height, width, 2), about -0.3 to 0.3."""
    values = np.empty((*picture.shape[:2], 2), np.float32)
    for part, target in strips(picture, values):
        target[...] = _oklab(part)[..., 1:]
    return values


def colored(greys: FloatArray, colors: FloatArray) -> Picture:
    """Return the picture that is as light as some greys, with another's chroma.

    Where sRGB has no such color, the chroma is less, and lightness and hue stay.

    Args:
        greys: (height, width, 1), in [0, 1], as of `grey`.
        colors: (height, width, 2), as of `chroma`.

    Returns:
        (height, width, 3), in [0, 1].
    """
    picture = np.empty((*greys.shape[:2], 3), np.float32)
    for light, color, target in strips(greys, colors, picture):
        lab = np.concatenate([np.cbrt(_decoded(light)), color], -1).reshape(-1, 3)
        rgb = _linear(lab)
        out = ~_in_gamut(rgb)
        rgb[out] = _linear(_in_reach(lab[out]))
        target[...] = np.clip(_encoded(rgb), 0, 1).reshape(target.shape)
    return picture


def _in_reach(lab: Array) -> Array:
    """Return colors (n, 3) with as much of their chroma as sRGB can show."""
    most, too_much = np.zeros((len(lab), 1), np.float32), np.ones((len(lab), 1))

    def less(fraction: npt.NDArray[np.floating]) -> Array:
        return np.concatenate([lab[:, :1], fraction * lab[:, 1:]], 1).astype(np.float32)

    for _ in range(HALVINGS):
        middle = (most + too_much) / 2
        fits = _in_gamut(_linear(less(middle)))[:, None]
        most = np.where(fits, middle, most)
        too_much = np.where(fits, too_much, middle)
    return less(most)


def _in_gamut(rgb: Array) -> npt.NDArray[np.bool_]:
    inside = (rgb >= -ROUNDING) & (rgb <= 1 + ROUNDING)
    return np.asarray(inside.all(-1))


def _oklab(picture: Array) -> Array:
    return np.asarray(np.cbrt(_decoded(picture) @ TO_CONES.T) @ TO_LAB.T)


def _linear(lab: Array) -> Array:
    return np.asarray((lab @ FROM_LAB.T) ** 3 @ FROM_CONES.T)


def _decoded(values: Array) -> Array:
    """Return sRGB's values as linear light (IEC 61966-2-1)."""
    curve = ((values + 0.055) / 1.055) ** 2.4
    return np.where(values <= 0.04045, values / 12.92, curve).astype(np.float32)


def _encoded(light: Array) -> Array:
    """Return linear light as sRGB's values."""
    curve = 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve).astype(np.float32)
