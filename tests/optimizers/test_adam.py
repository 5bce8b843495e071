"""tfstyle.optimizers.adam against NumPy's writing of Kingma & Ba."""

import numpy as np
import pytest
import tensorflow as tf
from quadratics import SHAPE, SIZE, Quadratic, losses, make, total_of


@pytest.fixture(scope="module")
def quadratic():
    return Quadratic()


def test_adam_agrees_with_numpy(quadratic):
    rate, beta_1, beta_2, epsilon = 0.03, 0.8, 0.95, 1e-3
    optimizer = make(
        "adam",
        quadratic,
        learning_rate=rate,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
    )
    optimizer.start()
    image = np.asarray(quadratic.start, np.float64).ravel()
    mean = square = np.zeros(SIZE)
    for step in range(1, 21):
        value, gradient = quadratic.in_numpy(image)
        assert total_of(optimizer) == pytest.approx(value, rel=1e-4)
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        # Keras adds epsilon to the root before the bias is corrected.
        pace = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        image = np.clip(image - pace * mean / (np.sqrt(square) + epsilon), 0, 1)
        optimizer.step()
        np.testing.assert_allclose(optimizer.image.numpy().ravel(), image, atol=1e-4)
    assert np.any(image == 0), "nothing was clipped"
    assert optimizer.evaluations == 21


def test_adam_moves_a_pixel_by_its_learning_rate(quadratic):
    optimizer = make(
        "adam", quadratic, tf.fill(SHAPE, 0.5), learning_rate=0.05, epsilon=1e-12
    )
    optimizer.start()
    optimizer.step()
    np.testing.assert_allclose(np.abs(optimizer.image - 0.5), 0.05, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:after step")
def test_a_step_taken_back_is_half_as_long_and_moments_count_it_once():
    def cliff(image):  # a step of 0.02 leads beyond
        beyond = tf.reduce_any(image > 0.515)
        total = tf.where(beyond, np.nan, -tf.reduce_sum(image))
        return losses(total), -tf.ones(SHAPE)

    optimizer = make("adam", cliff, tf.fill(SHAPE, 0.5), learning_rate=0.02)
    optimizer.start()
    optimizer.step()
    np.testing.assert_allclose(optimizer.image, np.full(SHAPE, 0.51), rtol=1e-5)
    assert (optimizer.steps, optimizer.evaluations) == (1, 3)
    np.testing.assert_allclose(optimizer.state()["mean"], -0.1, rtol=1e-5)
    np.testing.assert_allclose(optimizer.state()["square"], 0.001, rtol=1e-4)


def test_adam_never_says_that_it_converged(quadratic):
    optimizer = make("adam", quadratic, learning_rate=1e-9)
    optimizer.start()
    for _ in range(12):
        optimizer.step()
    assert not optimizer.converged
