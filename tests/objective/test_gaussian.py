"""The optimal transport of Gaussians, against SciPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import sqrtm

from tfstyle.objective.gaussian import Covariance, fidelity, root
from tfstyle.objective.term import Seen

LAYER = "block1_conv1"


def see(features):
    features = tf.constant(features, tf.float32)
    return Seen({LAYER: features}, {}, features, tf.zeros(4, tf.int32))


def distance(features, style):
    term = Covariance(LAYER)
    target = term.target(term.observe(see(style)))
    return float(term.distance(term.observe(see(features)), target))


def expected(features, style):
    (a, s), (b, t) = (
        (f.mean(0), np.cov(f.T, bias=True))
        for f in (features.reshape(-1, 6), style.reshape(-1, 6))
    )
    half = sqrtm(t)
    moved = np.sum((a - b) ** 2)
    spread = np.trace(s + t - 2 * sqrtm(half @ s @ half).real)
    return (moved + spread) / (np.trace(t) + np.sum(b**2))


@pytest.fixture
def features(random):
    return random.random((1, 20, 30, 6))


@pytest.fixture
def style(random):
    return (random.random((1, 25, 25, 6)) ** 3) @ random.random((6, 6))


def test_it_agrees_with_scipy(features, style):
    assert distance(features, style) == pytest.approx(
        expected(features, style), rel=1e-3
    )


def test_the_style_itself_is_at_distance_zero(style):
    assert distance(style, style) < 1e-5
    assert distance(style[:, ::-1], style) < 1e-5


def test_two_points_on_a_line():
    """In one dimension it is the difference of means and of deviations."""
    one = np.zeros((1, 1, 2, 6))
    one[..., 0] = [1, 3]  # mean 2, deviation 1
    two = np.zeros((1, 1, 2, 6))
    two[..., 0] = [2, 8]  # mean 5, deviation 3
    assert distance(one, two) == pytest.approx((9 + 4) / (25 + 9), rel=1e-3)


def test_the_root_is_one(random):
    matrix = random.normal(size=(6, 6))
    matrix = tf.constant(matrix @ matrix.T)
    np.testing.assert_allclose(root(matrix) @ root(matrix), matrix, atol=1e-9)


def test_the_gradient_agrees_with_finite_differences(features, style, random):
    term = Covariance(LAYER)
    target = term.target(term.observe(see(style)))
    at = tf.constant(features, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = term.distance(term.observe(see_tensor(at)), target)
    gradient = tape.gradient(value, at).numpy().astype(np.float64)
    size = np.linalg.norm(gradient)
    for direction in (gradient, *random.normal(size=(3, *features.shape))):
        step = 0.01 * direction / np.linalg.norm(direction)
        change = expected(features + step, style) - expected(features - step, style)
        assert np.sum(gradient * 2 * step) == pytest.approx(change, abs=2e-4 * size)


def see_tensor(features):
    return Seen({LAYER: features}, {}, features, tf.zeros(4, tf.int32))


def test_unused_channels_have_a_finite_gradient(features, style):
    """Equal eigenvalues, here zeros, would make that of eigenvectors infinite."""
    features[..., 3:] = 0
    term = Covariance(LAYER)
    target = term.target(term.observe(see(style)))
    at = tf.constant(features, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = term.distance(term.observe(see_tensor(at)), target)
    assert np.isfinite(tape.gradient(value, at)).all()


def test_fidelity_of_equal_matrices_is_the_trace(random):
    matrix = random.normal(size=(6, 6))
    matrix = matrix @ matrix.T
    half = root(tf.constant(matrix))
    found = fidelity(tf.constant(matrix, tf.float32), half)
    assert float(found) == pytest.approx(np.trace(matrix), rel=1e-5)
