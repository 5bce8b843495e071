"""The colors of one picture given to another."""

import numpy as np
import pytest

from tfstyle.images import color_map
from tfstyle.images.colors import color_moments


def colors(picture):
    return np.reshape(picture, (-1, 3)).astype(np.float64)


@pytest.fixture
def muted(random):
    """Colors in the middle of their range, so that nothing is clipped."""
    return random.uniform(0.4, 0.6, (30, 40, 3)).astype(np.float32)


@pytest.fixture
def tinted(random):
    """Correlated colors of another mean."""
    mixing = np.array([[0.2, 0.1, 0.0], [0.0, 0.2, 0.1], [0.1, 0.0, 0.1]])
    return (random.random((20, 50, 3)) @ mixing + 0.3).astype(np.float32)


def test_mean_and_covariance_become_those_of_the_other_picture(muted, tinted):
    found = colors(color_map(muted, [tinted])(muted))
    np.testing.assert_allclose(found.mean(0), colors(tinted).mean(0), atol=1e-6)
    np.testing.assert_allclose(
        np.cov(found.T, bias=True), np.cov(colors(tinted).T, bias=True), atol=2e-5
    )


def test_of_several_pictures_it_is_their_mixture(muted, tinted):
    other = 1 - tinted
    found = colors(color_map(muted, [tinted, other], [3.0, 1.0])(muted))
    weights = np.repeat([3.0, 1.0], 1000)
    together = np.concatenate([colors(tinted), colors(other)])
    mean = np.average(together, axis=0, weights=weights)
    np.testing.assert_allclose(found.mean(0), mean, atol=1e-6)
    np.testing.assert_allclose(
        np.cov(found.T, bias=True),
        np.cov(together.T, bias=True, aweights=weights),
        atol=2e-5,
    )


def test_a_picture_keeps_its_own_colors(muted):
    np.testing.assert_allclose(color_map(muted, [muted])(muted), muted, atol=1e-4)


def test_the_map_is_symmetric_so_that_brighter_stays_brighter(muted, tinted):
    matrix = color_map(muted, [tinted]).matrix
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2).min() > 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_grey_and_flat_pictures_give_numbers(value, tinted, random):
    grey = np.repeat(random.random((20, 30, 1)), 3, axis=2).astype(np.float32)
    flat = np.full((20, 30, 3), value, np.float32)
    for picture in (grey, flat):
        for like in (tinted, grey, flat):
            found = color_map(picture, [like])(picture)
            assert np.isfinite(found).all()
            assert found.dtype == np.float32
            assert 0 <= found.min() <= found.max() <= 1


def test_the_same_map_serves_every_size(photo, painting):
    from tfstyle.images import resize

    half = resize(photo, 22, 32)
    mapped = color_map(photo, [painting])
    difference = np.abs(resize(mapped(photo), 22, 32) - mapped(half))
    assert np.quantile(difference, 0.9) < 0.02


def test_moments_do_not_depend_on_the_size(style_path):
    from conftest import small

    for found, expected in zip(
        color_moments([small(style_path, 700)]),
        color_moments([small(style_path, 300)]),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_noise_of_a_flat_picture_does_not_become_loud(random, painting):
    picture = (0.5 + 0.004 * random.normal(size=(40, 50, 3))).astype(np.float32)
    found = color_map(picture, [painting])(picture)
    assert found.std(axis=(0, 1)).max() < 9 * 0.004
    np.testing.assert_allclose(found.mean((0, 1)), painting.mean((0, 1)), atol=0.02)


def test_of_a_part_is_that_of_a_picture_of_it(random, painting):
    picture = random.random((40, 60, 3), np.float32)
    picture[:, 30:] /= 3
    mask = np.zeros((40, 60, 1), np.float32)
    mask[:, :30] = 1
    found = color_map(picture, [painting], within=mask)
    expected = color_map(picture[:, :30], [painting])
    np.testing.assert_allclose(found.matrix, expected.matrix, rtol=1e-6)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
