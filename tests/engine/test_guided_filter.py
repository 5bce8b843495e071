"""tfstyle.engine.guided_filter: known cases, another writing, the adjoint."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.engine.guided_filter import GuidedFilter
from tfstyle.images import resize

SIZE = (21, 34)


@pytest.fixture
def guide(photo):
    return resize(photo, *SIZE)


@pytest.fixture
def normal(random):
    return lambda: tf.constant(random.normal(size=(1, *SIZE, 3)), tf.float32)


def spline(t):
    """The cubic B-spline, as a convolution of four boxes."""
    box, fine = np.ones(200), 200
    for _ in range(3):
        box = np.convolve(box, np.ones(200)) / 200
    at = np.arange(len(box)) / fine - (len(box) - 1) / 2 / fine
    return np.interp(t, at, box, 0, 0)


def windows(spacing):
    """Return the weight of each pixel in each window, (nodes, height, width)."""
    sides = []
    for length in SIZE:
        count = 1 + round((length - 1) / spacing)
        step = (length - 1) / (count - 1)
        at = np.arange(length)
        weights = np.stack([spline(at / step - node) for node in range(count)])
        sides.append(weights / weights.sum(0))
    down, across = sides
    return [np.outer(rows, columns) for rows in down for columns in across]


def by_least_squares(guide, values, spacing, epsilon):
    """He et al. (2013), by means and covariances, window by window in float64."""
    guide, values = guide.astype(np.float64), values.astype(np.float64)
    found = np.zeros_like(values)
    for window in windows(spacing):
        weights = window[..., None] / window.sum()
        mean = (weights * guide).sum((0, 1))
        mean_value = (weights * values).sum((0, 1))
        sigma = np.einsum("hwi,hwj->ij", weights * guide, guide)
        sigma += epsilon * np.eye(3) - np.outer(mean, mean)
        both = np.einsum("hwi,hwc->ic", weights * guide, values)
        slope = np.linalg.solve(sigma, both - np.outer(mean, mean_value))
        found += window[..., None] * ((guide - mean) @ slope + mean_value)
    return found


@pytest.mark.parametrize("spacing", [1.5, 4, 10])
def test_is_the_paper_s_over_its_windows(guide, normal, spacing):
    x = normal()
    found = GuidedFilter(guide, spacing, 1e-2)(x).numpy()[0]
    expected = by_least_squares(guide, x.numpy()[0], spacing, 1e-2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_even_guide_gives_means_over_the_windows(normal):
    even = np.full((*SIZE, 3), 0.3, np.float32)
    x = normal()
    expected = sum(
        window[..., None]
        * (window[..., None] * x.numpy()[0]).sum((0, 1))
        / window.sum()
        for window in windows(4)
    )
    found = GuidedFilter(even, 4, 1e-2)(x).numpy()[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_guide_is_its_own(guide):
    """But for what epsilon takes from it."""
    x = tf.constant(guide[None])
    errors = [
        np.abs(GuidedFilter(guide, 3, epsilon)(x).numpy()[0] - guide).max()
        for epsilon in (1e-2, 1e-4, 1e-6)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


def test_other_colors_of_the_guide_are_kept(guide, random):
    mixed = guide @ random.normal(size=(3, 3)).astype(np.float32) + 0.2
    found = GuidedFilter(guide, 3, 1e-6)(tf.constant(mixed[None], tf.float32))
    np.testing.assert_allclose(found[0], mixed, atol=2e-3)


def test_constant_in_constant_out(guide):
    for channels in (1, 3):
        x = tf.fill((1, *SIZE, channels), 0.7)
        found = GuidedFilter(guide, 4, 1e-3)(x)
        assert found.shape == x.shape
        np.testing.assert_allclose(found, x, atol=5e-6)


def test_is_linear(guide, normal):
    apply, x, y = GuidedFilter(guide, 3, 1e-3), normal(), normal()
    found = apply(2 * x - 3 * y)
    np.testing.assert_allclose(found, 2 * apply(x) - 3 * apply(y), atol=2e-4)


@pytest.mark.parametrize("spacing", [1, 3, 100])
def test_is_its_own_adjoint(guide, normal, spacing):
    """<GF x, y> = <x, GF y>."""
    apply, x, y = GuidedFilter(guide, spacing, 1e-3), normal(), normal()
    forth = np.sum(apply(x).numpy() * y.numpy(), dtype=np.float64)
    back = np.sum(x.numpy() * apply(y).numpy(), dtype=np.float64)
    assert forth == pytest.approx(back, rel=1e-4, abs=1e-3)


def test_its_gradient_is_what_tensorflow_finds(guide, normal):
    apply, x, y = GuidedFilter(guide, 3, 1e-3), normal(), normal()
    with tf.GradientTape() as tape:
        tape.watch(x)
        filtered = apply(x)
    found = tape.gradient(filtered, x, y)
    np.testing.assert_allclose(apply(y), found, atol=1e-4)
