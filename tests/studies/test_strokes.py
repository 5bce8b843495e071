"""tfstyle.studies.strokes: how large strokes are."""

import numpy as np
import pytest

from tfstyle.images import resize
from tfstyle.studies.strokes import _autocorrelation, _blurred, stroke_size


def textured(size, factor, seed=0):
    """A picture of noise whose pixels are squares of so many pixels."""
    noise = np.random.default_rng(seed).random((size // factor, size // factor, 1))
    return np.repeat(noise.repeat(factor, 0).repeat(factor, 1), 3, axis=2).astype(
        np.float32
    )


def test_autocorrelation_is_the_mean_product_at_each_distance(random):
    values = random.normal(size=(7, 10))
    sums, pairs = np.zeros(2), np.zeros(2)
    for here in np.ndindex(values.shape):
        for there in np.ndindex(values.shape):
            distance = round(np.hypot(here[0] - there[0], here[1] - there[1]))
            if distance < 2:
                sums[distance] += values[here] * values[there]
                pairs[distance] += 1
    np.testing.assert_allclose(_autocorrelation(values), sums / pairs)


def test_blurring_leaves_a_mean_and_makes_waves_lower():
    wave = np.tile(np.cos(np.arange(64) * 2 * np.pi / 16 + np.pi / 16), (64, 1))
    blurred = _blurred(1 + wave, 4.0)
    lower = np.exp(-2 * (np.pi * 4 / 16) ** 2)
    np.testing.assert_allclose(blurred, 1 + lower * wave, atol=1e-9)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_grows_with_the_squares_of_a_texture(factor):
    once, twice = (
        stroke_size(textured(256, factor)),
        stroke_size(textured(256, 2 * factor)),
    )
    assert twice / once == pytest.approx(2, rel=0.2)


def test_is_about_half_of_their_width():
    assert stroke_size(textured(512, 8)) == pytest.approx(4, rel=0.25)


def test_does_not_see_what_is_large(random):
    texture = textured(256, 4)
    large = resize(random.random((3, 3, 3)).astype(np.float32), 256, 256)
    both = 0.7 * texture + 0.3 * large
    assert stroke_size(both) == pytest.approx(stroke_size(texture), rel=0.25)


def test_of_a_flat_picture_is_zero():
    assert stroke_size(np.full((20, 30, 3), 0.4, np.float32)) == 0
