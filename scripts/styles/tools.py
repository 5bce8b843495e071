"""What the sample pictures are drawn with: colors, noise, light, files."""

import numpy as np
from PIL import Image


def palette(codes):
    """Turn color codes like ``"1d3f8f"``, split by blanks, into (n, 3) in [0, 1]."""
    return np.array([list(bytes.fromhex(code)) for code in codes.split()]) / 255


def ramp(colors, tone):
    """Blend along `colors` (n, 3): `tone` (...) in [0, 1] to colors (..., 3)."""
    stops = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(tone, stops, channel) for channel in colors.T], -1)


def mix(first, second, weight):
    """Blend two color arrays (..., 3) by `weight` (...) in [0, 1]."""
    return first + (second - first) * weight[..., None]


def blur(field, sigma):
    """Gaussian blur of a field (h, w), periodic at its borders."""
    fy = np.fft.fftfreq(field.shape[0])[:, None]
    fx = np.fft.rfftfreq(field.shape[1])
    kernel = np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
    return np.fft.irfft2(np.fft.rfft2(field) * kernel, field.shape)


def noise(rng, shape, scale, octaves=1):
    """Smooth random field (h, w) of unit variance with blobs of size `scale`."""
    total = np.zeros(shape)
    for octave in range(octaves):
        layer = blur(rng.standard_normal(shape), scale / 2**octave)
        total += layer / layer.std() / 2**octave
    return total / total.std()


def relief(height):
    """Light in [-1, 1] that a lamp at the upper left throws on `height` (h, w)."""
    down, right = np.gradient(height)
    return -(0.8 * down + 0.6 * right) / np.sqrt(1 + down**2 + right**2)


def save(pixels, path):
    """Write `pixels` (h, w, 3) in [0, 1] as a JPEG file of high quality."""
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    image.save(path, quality=92, subsampling="4:4:4")


def look_up(field, points):
    """Values of `field` (h, w, ...) at the pixels of `points` (n, 2), kept inside."""
    column, row = np.clip(points, 0, np.array(field.shape[1::-1]) - 1).astype(int).T
    return field[row, column]
