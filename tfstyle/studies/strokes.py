"""How large the strokes of a picture are, by its autocorrelation."""

import numpy as np
import numpy.typing as npt

from tfstyle.images import Picture, fit_size, grey, resize

LONG_SIDE = 1024  # pixels at which it is measured, at most
COARSE = 1 / 8  # of the long side: what is larger is the subject, not a stroke

Values = npt.NDArray[np.float64]


def stroke_size(picture: Picture) -> float:
    """Return the integral length scale of a picture's lightness, in pixels.

    That is the sum of the autocorrelation over distances, a mean over directions, to
    where it is first zero: about half of a stroke's width. What is larger than an
    eighth of the picture is left out.

    Args:
        picture: (height, width, 3), in [0, 1]; of a photograph's own edges, the fewer
            the better.
    """
    height, width, _ = picture.shape
    size = fit_size(height, width, min(LONG_SIDE, max(height, width)))
    light = grey(resize(picture, *size))[..., 0].astype(np.float64)
    fine = light - _blurred(light, COARSE * max(light.shape))
    correlation = _autocorrelation(fine - fine.mean())
    if not correlation[0] > 0:  # a flat picture
        return 0.0
    falling = correlation / correlation[0]
    end = np.argmax(falling <= 0) or len(falling)
    length = falling[:end].sum() - 0.5  # the middle of the first is at 0
    return float(length * height / size[0])


def _blurred(values: Values, sigma: float) -> Values:
    """Return a Gaussian blur, by Fourier; beyond the borders all is mirrored."""
    mirrored = np.pad(values, [(0, side) for side in values.shape], "symmetric")
    down, across = (np.fft.fftfreq(side) for side in mirrored.shape)
    frequencies = down[:, None] ** 2 + across**2
    spectrum = np.fft.fft2(mirrored) * np.exp(-2 * (np.pi * sigma) ** 2 * frequencies)
    blurred: Values = np.fft.ifft2(spectrum).real
    return blurred[: values.shape[0], : values.shape[1]]


def _autocorrelation(values: Values) -> Values:
    """Return the mean product of values so many pixels apart, for 0, 1, 2 ... pixels.

    Up to a third of the short side. Not around the borders.
    """
    size = [2 * side for side in values.shape]

    def products(of: Values) -> Values:
        found: Values = np.fft.irfft2(np.abs(np.fft.rfft2(of, size)) ** 2, size)
        return found

    down, across = (np.fft.fftfreq(side, 1 / side) for side in size)
    distance = np.rint(np.hypot(down[:, None], across)).astype(int).ravel()
    farthest = max(1, min(values.shape) // 3)
    sums = np.bincount(distance, products(values).ravel())[:farthest]
    pairs = np.bincount(distance, products(np.ones_like(values)).ravel())[:farthest]
    found: Values = sums / np.maximum(pairs, 1e-9)
    return found
