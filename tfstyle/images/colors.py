"""The colors of one picture given to another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfstyle.images.arrays import FloatArray, Picture, fit_size, resize

Matrix = npt.NDArray[np.float64]

SMALLEST = 1e-6  # variance added along each color axis: greys have none across
MOST = 8.0  # that colors are spread; those of photographs are by 2 to 4
LONG_SIDE = 256  # pixels at which colors are looked at, whatever a picture's size


@dataclass(frozen=True)
class ColorMap:
    """A linear map of colors around a mean."""

    mean: Matrix  # (3,), of the colors that are mapped
    matrix: Matrix  # (3, 3)
    target: Matrix  # (3,), what the mean becomes

    def __call__(self, picture: Picture) -> Picture:
        """Return a picture (height, width, 3) with other colors, clipped to [0, 1]."""
        moved = (picture - self.mean) @ self.matrix + self.target
        return np.clip(moved, 0, 1).astype(np.float32)


def color_map(
    picture: Picture,
    like: Sequence[Picture],
    weights: Sequence[float] | None = None,
    within: FloatArray | None = None,
    parts: Sequence[FloatArray | None] = (),
) -> ColorMap:
    """Return the map that gives a picture other pictures' mean and covariance.

    Of all linear maps it moves colors least (Pitié & Kokaram 2007, section 3.3): what
    was warmer or brighter mostly stays so.

    Args:
        picture: (height, width, 3), in [0, 1]; may be grey.
        like: where the colors come from.
        weights: of each of these; by default all the same.
        within: a mask, (h, w, 1), of the part of the picture that is meant.
        parts: likewise of those like which it becomes.
    """
    mean, covariance = color_moments([picture], parts=[within])
    target, wanted = color_moments(like, weights, parts)
    covariance += SMALLEST * np.eye(3)
    root, inverse = _root(covariance), _root(covariance, inverse=True)
    matrix = inverse @ _root(root @ wanted @ root) @ inverse
    return ColorMap(mean, _bounded(matrix), target)


def color_moments(
    pictures: Sequence[Picture],
    weights: Sequence[float] | None = None,
    parts: Sequence[FloatArray | None] = (),
) -> tuple[Matrix, Matrix]:
    """Return the mean, (3,), and the covariance, (3, 3), of pictures' colors."""
    masks = parts or [None] * len(pictures)
    flat = [_colors(each, mask) for each, mask in zip(pictures, masks, strict=True)]
    mean = np.average([each.mean(0) for each in flat], axis=0, weights=weights)
    covariances = [(each - mean).T @ (each - mean) / len(each) for each in flat]
    return mean, np.average(covariances, axis=0, weights=weights)


def _colors(picture: Picture, mask: FloatArray | None) -> Matrix:
    """Return the colors of a picture, (pixels, 3), where its mask is white."""
    height, width, _ = picture.shape
    size = fit_size(height, width, min(LONG_SIDE, max(height, width)))
    colors: Matrix = resize(picture, *size).reshape(-1, 3).astype(np.float64)
    inside = None if mask is None else resize(mask, *size).ravel() > 0.5
    return colors if inside is None or not inside.any() else colors[inside]


def _bounded(matrix: Matrix) -> Matrix:
    """Return a symmetric map that stretches no axis more than `MOST`.

    A picture may be flat, such as a part with a sky alone: the colors of a whole
    painting would make its noise loud.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    bounded: Matrix = (vectors * np.minimum(values, MOST)) @ vectors.T
    return bounded


def _root(matrix: Matrix, inverse: bool = False) -> Matrix:
    """Return the root of a covariance, or that of its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(values, 0))
    root: Matrix = (vectors / roots if inverse else vectors * roots) @ vectors.T
    return root
