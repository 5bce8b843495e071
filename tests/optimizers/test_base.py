"""tfstyle.optimizers: what every algorithm promises."""

import math
import warnings

import numpy as np
import pytest
import tensorflow as tf
from quadratics import SHAPE, Quadratic, losses, make, total_of

from tfstyle.optimizers import LBFGS, Adam

NAMES = ("adam", "lbfgs")


@pytest.fixture(scope="module")
def quadratic():
    return Quadratic()


def test_options_choose_the_optimizer(quadratic):
    assert isinstance(make("adam", quadratic), Adam)
    assert isinstance(make("lbfgs", quadratic), LBFGS)


@pytest.mark.parametrize("name", NAMES)
class TestPromises:
    def test_start_evaluates_the_image_and_leaves_it(self, name, quadratic):
        optimizer = make(name, quadratic)
        optimizer.start()
        assert optimizer.evaluations == 1
        assert optimizer.steps == 0
        assert not optimizer.converged
        assert total_of(optimizer) == quadratic.total(quadratic.start)
        np.testing.assert_array_equal(optimizer.image, quadratic.start)

    def test_losses_are_those_of_an_image_within_its_range(self, name, quadratic):
        optimizer = make(name, quadratic)
        optimizer.start()
        bounds = 0
        for step in range(1, 31):
            optimizer.step()
            assert optimizer.steps == step
            image = optimizer.image.numpy()
            assert 0 <= image.min() <= image.max() <= 1
            bounds += np.sum((image == 0) | (image == 1))
            expected = quadratic.total(optimizer.image)
            assert total_of(optimizer) == pytest.approx(expected, rel=1e-5)
        assert bounds > 0, "no bound was ever active"
        assert total_of(optimizer) < 0.5 * quadratic.total(quadratic.start)

    def test_all_losses_are_kept_and_the_first_is_minimized(self, name, quadratic):
        optimizer = make(name, quadratic)
        optimizer.start()
        before = total_of(optimizer)
        optimizer.step()
        assert type(optimizer.losses) is np.ndarray
        assert optimizer.losses.shape == (2,)
        assert optimizer.losses[1] == 7
        assert total_of(optimizer) < before

    def test_evaluations_are_counted(self, name, quadratic):
        calls = []

        def counted(image):
            tf.py_function(lambda: calls.append(None), [], [])
            return quadratic(image)

        optimizer = make(name, counted, quadratic.start)
        optimizer.start()
        for _ in range(5):
            optimizer.step()
        assert optimizer.evaluations == len(calls) >= 6

    def test_the_image_has_the_shape_it_came_with(self, name):
        def bowl(image):
            assert image.shape == (1, 5, 7, 3)
            return losses(tf.reduce_sum((image - 0.3) ** 2)), 2 * (image - 0.3)

        optimizer = make(name, bowl, tf.fill((1, 5, 7, 3), 0.6))
        optimizer.start()
        optimizer.step()
        assert optimizer.image.shape == (1, 5, 7, 3)
        assert optimizer.state()["image"].shape == (1, 5, 7, 3)


@pytest.mark.parametrize("name", NAMES)
class TestState:
    @pytest.mark.parametrize("fresh", [False, True])
    def test_restored_it_goes_on_bit_for_bit(self, name, fresh, quadratic):
        def trail(optimizer, steps=12):
            for _ in range(steps):
                optimizer.step()
                yield (
                    optimizer.image.numpy().tobytes(),
                    total_of(optimizer),
                    optimizer.evaluations,
                )

        # A short history: its ring is full, and its oldest pairs are overwritten.
        first = make(name, quadratic, history=4)
        first.start()
        list(trail(first, 6))
        state = first.state()
        kept = {key: value.copy() for key, value in state.items()}
        expected = list(trail(first))
        for key, value in state.items():
            np.testing.assert_array_equal(value, kept[key], f"{key} is no copy")
        second = first
        if fresh:
            second = make(name, quadratic, tf.fill(SHAPE, 0.5), history=4)
        second.restore(state)
        assert total_of(second) == state["losses"][0]
        assert list(trail(second)) == expected

    def test_holds_plain_arrays(self, name, quadratic):
        optimizer = make(name, quadratic)
        optimizer.start()
        optimizer.step()
        assert all(type(each) is np.ndarray for each in optimizer.state().values())


@pytest.mark.parametrize("name", NAMES)
class TestNotFinite:
    @pytest.mark.parametrize("far", [math.nan, math.inf])
    def test_a_step_is_taken_back(self, name, far):
        seen, said = [], set()

        def cliff(image):  # lower and lower until 0.6
            beyond = tf.reduce_any(image > 0.6)
            total = tf.where(beyond, far, tf.reduce_sum(-50 * image))
            gradient = tf.where(beyond, far, tf.fill(SHAPE, -50.0))
            seen.append(float(total))
            return losses(total), gradient

        optimizer = make(name, cliff, tf.fill(SHAPE, 0.594))
        optimizer.start()
        for _ in range(5):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                optimizer.step()
            said |= {str(warning.message) for warning in caught}
            assert np.isfinite(total_of(optimizer))
            assert optimizer.image.numpy().min() >= 0.594
            assert optimizer.image.numpy().max() <= 0.6
        assert not np.isfinite(seen).all(), "no step ever led beyond"
        assert optimizer.image.numpy().min() > 0.598
        assert any("NaN or infinity; went back" in text for text in said)

    @pytest.mark.parametrize("spoiled", ["total", "gradient"])
    def test_neither_total_nor_gradient_may_be(self, name, spoiled):
        def hole(image):  # of a single number
            beyond = tf.reduce_any(image < 0.4535)
            total, gradient = tf.reduce_sum(image), tf.ones(SHAPE)
            if spoiled == "total":
                total = tf.where(beyond, math.nan, total)
            else:
                one = tf.reshape(tf.one_hot(5, tf.size(image)), SHAPE) > 0
                gradient = tf.where(beyond & one, math.inf, gradient)
            return losses(total), gradient

        optimizer = make(name, hole, tf.fill(SHAPE, 0.46), learning_rate=0.02)
        optimizer.start()
        with pytest.warns(RuntimeWarning, match="went back and shortened"):
            optimizer.step()
        assert 0.4535 <= optimizer.image.numpy().min() < 0.46
        assert np.isfinite(optimizer.losses).all()
        assert np.isfinite(optimizer.state()["gradient"]).all()

    @pytest.mark.filterwarnings("ignore:after step")
    def test_it_gives_up_where_no_step_is_finite(self, name):
        here, evaluated = tf.fill(SHAPE, 0.5), []

        def hole(image):  # finite once
            evaluated.append(image)
            far, nan = len(evaluated) > 1, tf.constant(math.nan)
            return losses(tf.where(far, nan, 1.0)), tf.where(far, nan, tf.ones(SHAPE))

        optimizer = make(name, hole, here)
        optimizer.start()
        with pytest.raises(FloatingPointError, match="lower the weights"):
            optimizer.step()
        assert np.array_equal(optimizer.image, here)
        assert total_of(optimizer) == 1.0
        assert optimizer.steps == 0
