"""tfstyle.optimizers.lbfgs against SciPy's L-BFGS-B."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import CONTENT, STYLE
from quadratics import (
    SHAPE,
    Quadratic,
    as_numpy,
    evaluations_to_reach,
    losses,
    make,
    minimize_with_scipy,
    total_of,
)

from tfstyle.config import StyleConfig
from tfstyle.engine.context import Context
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.kept import Kept, to_tensor
from tfstyle.engine.schedule import Scale
from tfstyle.engine.start import start_image
from tfstyle.images import load_image


@pytest.fixture(scope="module")
def quadratic():
    return Quadratic()


def scipy_minimum(quadratic):
    result, _ = minimize_with_scipy(quadratic.in_numpy, quadratic.start, 3000, 1e-8)
    assert np.mean((result.x <= 0) | (result.x >= 1)) > 0.2, "few bounds are active"
    return result


class TestConvexProblem:
    def test_never_increases_and_finds_the_minimum(self, quadratic):
        best = scipy_minimum(quadratic)
        optimizer = make("lbfgs", quadratic)
        optimizer.start()
        first = before = total_of(optimizer)
        for _ in range(300):
            optimizer.step()
            assert total_of(optimizer) <= before
            before = total_of(optimizer)
            if optimizer.converged:
                break
        assert optimizer.converged
        assert before - best.fun == pytest.approx(0, abs=1e-6 * (first - best.fun))
        np.testing.assert_allclose(optimizer.image.numpy().ravel(), best.x, atol=0.01)

    @pytest.mark.parametrize("condition", [100.0, 1000.0, 10000.0])
    @pytest.mark.parametrize("spread", [0.75, 1.0])
    @pytest.mark.parametrize("seed", [0, 1])
    def test_is_as_quick_as_scipy(self, condition, spread, seed):
        problem = Quadratic(condition, spread, seed)
        traced = tf.function(problem)
        minimum = scipy_minimum(problem).fun
        _, best = minimize_with_scipy(as_numpy(traced, SHAPE), problem.start, 150)
        target = minimum + 1e-4 * (best[0] - minimum)
        theirs = 1 + int(np.argmax(best <= target))
        assert best[-1] <= target
        ours = evaluations_to_reach(target, make("lbfgs", traced, problem.start), 200)
        assert ours <= 1.1 * theirs, (ours, theirs)


@pytest.mark.slow
class TestStyleTransfer:
    @pytest.fixture(scope="class")
    @staticmethod
    def problem():
        """The default objective at 128 pixels, and its start by `init`."""
        config = StyleConfig(styles=[{}], precision="float32")
        scale = Scale(128, 0)
        inputs = Inputs(load_image(CONTENT), [load_image(STYLE)])
        context = Context(config, inputs, config.precision)
        objective = Kept().objective(context, scale, context.plan(scale))

        def start(init):
            chosen = config.with_overrides({"init": init})
            other = Context(chosen, inputs, config.precision)
            return to_tensor(start_image(other.scaled(scale)))

        return objective, start

    @pytest.mark.parametrize("init", ["content", "noise"])
    def test_is_as_quick_as_scipy(self, init, problem):
        objective, start = problem
        image, evaluations = start(init), 60
        function = as_numpy(objective.value_and_gradient, image.shape)
        _, best = minimize_with_scipy(function, image, evaluations)
        target, theirs = best[:evaluations].min(), len(best[:evaluations])
        optimizer = make("lbfgs", objective.value_and_gradient, image)
        ours = evaluations_to_reach(target, optimizer, 1.1 * theirs)
        assert ours <= 1.1 * theirs, (total_of(optimizer), target)
        again = objective.losses(optimizer.image)["total"]
        assert total_of(optimizer) == pytest.approx(again, rel=1e-4)


class TestSteps:
    def test_rests_at_a_minimum(self, quadratic):
        center = tf.constant(np.clip(quadratic.center, 0, 1).reshape(SHAPE), tf.float32)

        def bowl(image):  # whose bottom is beyond the bounds
            away = image - tf.constant(quadratic.center.reshape(SHAPE), tf.float32)
            return losses(tf.reduce_sum(away**2) / 2), away

        optimizer = make("lbfgs", bowl, center)
        optimizer.start()
        optimizer.step()
        assert optimizer.converged
        assert optimizer.evaluations == 1
        np.testing.assert_array_equal(optimizer.image, center)

    def test_leaves_a_bound_that_it_started_at(self):
        def bowl(image):
            return losses(tf.reduce_sum((image - 0.3) ** 2)), 2 * (image - 0.3)

        for start in (0.0, 1.0):
            optimizer = make("lbfgs", bowl, tf.fill(SHAPE, start))
            optimizer.start()
            for _ in range(4):
                optimizer.step()
            np.testing.assert_allclose(optimizer.image, np.full(SHAPE, 0.3), atol=1e-3)

    def test_starts_again_when_its_curvature_misleads(self, quadratic):
        optimizer = make("lbfgs", quadratic)
        optimizer.start()
        for _ in range(5):
            optimizer.step()
        before, state = total_of(optimizer), optimizer.state()
        # A valley that seems flat: each step goes from border to border.
        for i in range(5):
            state[f"y/{i}"] = 1e-20 * state[f"s/{i}"]
        optimizer.restore(state)
        optimizer.step()
        assert total_of(optimizer) < before
        assert optimizer.evaluations > state["evaluations"] + 2, "nothing misled it"
        assert optimizer.state()["pairs"] == 1
        assert not optimizer.converged

    def test_remembers_as_many_pairs_as_asked(self, quadratic):
        totals = set()
        for history in (1, 3, 20):
            optimizer = make("lbfgs", quadratic, history=history)
            optimizer.start()
            for _ in range(8):
                optimizer.step()
            totals.add(total_of(optimizer))
            for kind in ("s/", "y/"):
                kept = [name for name in optimizer.state() if name.startswith(kind)]
                assert len(kept) == min(history, 8)
        assert len(totals) == 3


class TestTolerance:
    """Ten steps that gain less than this fraction are the last ones."""

    def run(self, quadratic, tolerance):
        """Return the totals after each ten steps."""
        optimizer = make("lbfgs", quadratic, tolerance=tolerance)
        optimizer.start()
        totals = [total_of(optimizer)]
        while not optimizer.converged and len(totals) < 9:
            for _ in range(10):
                assert not optimizer.converged  # in the middle of ten
                optimizer.step()
            totals.append(total_of(optimizer))
        return np.array(totals)

    @pytest.mark.parametrize("tolerance", [0.5, 0.1, 0.01])
    def test_ends_after_ten_such_steps(self, quadratic, tolerance):
        totals = self.run(quadratic, tolerance)
        gains = 1 - totals[1:] / totals[:-1]
        assert (gains[:-1] >= tolerance).all()
        assert gains[-1] < tolerance

    def test_the_smaller_the_longer(self, quadratic):
        first, second, third = (self.run(quadratic, each) for each in (0.99, 0.9, 0.01))
        assert len(first) < len(second) < len(third)

    def test_survives_a_restart(self, quadratic):
        """Three steps before the check, the state moves into another optimizer."""
        totals = self.run(quadratic, 0.1)
        first = make("lbfgs", quadratic, tolerance=0.1)
        first.start()
        for _ in range(10 * (len(totals) - 1) - 3):
            first.step()
        second = make("lbfgs", quadratic, tf.fill(SHAPE, 0.5), tolerance=0.1)
        second.restore(first.state())
        converged = []
        for _ in range(3):
            second.step()
            converged.append(second.converged)
        assert converged == [False, False, True]
