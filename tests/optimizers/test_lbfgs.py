"""tfstyle.optimizers.lbfgs against NumPy's Adam, SciPy's L-BFGS-B, and hostile objectives."""

import math
import warnings

import numpy as np
import pytest
import scipy.fft
import scipy.optimize
import tensorflow as tf

from tfstyle.config.schema import Optimizer as Options
from tfstyle.config.schema import StyleConfig
from tfstyle.engine.context import Setting
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.schedule import Scale
from tfstyle.engine.stage import make_network, make_objective, to_tensor
from tfstyle.engine.start import start_image
from tfstyle.images import load_image
from tfstyle.objective.whole import Losses
from tfstyle.optimizers.lbfgs import LBFGS, Adam, make_optimizer

SHAPE = (1, 16, 16, 3)
SIZE = math.prod(SHAPE)
NAMES = ("adam", "lbfgs")


class Quadratic:
    """½ (x - c)ᵀ H (x - c) with eigenvalues of H from 1 down to 1 / condition.

    Its eigenvectors are cosines with random signs, so that every pixel is coupled with
    every other. The entries of c are uniform in ½ ± spread: beyond ½, some of them lie
    outside [0, 1], and the minimum over [0, 1] has active bounds.
    """

    def __init__(self, condition=100.0, spread=0.75, seed=0):
        rng = np.random.default_rng(seed)
        self.eigenvalues = rng.permutation(np.geomspace(1, 1 / condition, SIZE))
        self.signs = rng.choice([-1.0, 1.0], SIZE)
        self.center = rng.uniform(0.5 - spread, 0.5 + spread, SIZE)
        self.start = tf.constant(rng.random(SHAPE), tf.float32)

    def __call__(self, image):
        """Value and gradient as the optimizers want them."""
        signs, eigenvalues, center = (
            tf.constant(each, tf.float32)
            for each in (self.signs, self.eigenvalues, self.center)
        )
        waves = tf.signal.dct(signs * (tf.reshape(image, [-1]) - center), norm="ortho")
        gradient = signs * tf.signal.idct(eigenvalues * waves, norm="ortho")
        total = tf.reduce_sum(eigenvalues * waves**2) / 2
        return losses(total), tf.reshape(gradient, SHAPE)

    def in_numpy(self, vector):
        waves = scipy.fft.dct(self.signs * (vector - self.center), norm="ortho")
        gradient = scipy.fft.idct(self.eigenvalues * waves, norm="ortho") * self.signs
        return np.sum(self.eigenvalues * waves**2) / 2, gradient


def losses(total):
    """Losses with a total alone."""
    nothing = tf.constant(0.0)
    return Losses(total, nothing, nothing, nothing)


def minimize_with_scipy(function, start, evaluations, tolerance=0.0):
    """SciPy's result after so many evaluations, and the best value after each.

    It stops earlier if the projected gradient falls below `tolerance`.
    """
    values = []

    def recorded(vector):
        value, gradient = function(vector)
        values.append(float(value))
        return value, gradient

    result = scipy.optimize.minimize(
        recorded,
        np.asarray(start, np.float64).ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, 1)] * np.size(start),
        options={
            "maxcor": 10,
            "ftol": 0,
            "gtol": tolerance,
            "maxfun": evaluations,
            "maxiter": evaluations,
        },
    )
    return result, np.minimum.accumulate(values)


def as_numpy(value_and_gradient, shape):
    """A function of tensors as one of float64 vectors, for SciPy."""

    def function(vector):
        values, gradient = value_and_gradient(
            tf.constant(vector.reshape(shape), tf.float32)
        )
        return float(values.total), gradient.numpy().astype(np.float64).ravel()

    return function


def evaluations_to_reach(value, optimizer, most):
    """Return how many evaluations it takes, or infinity if `most` are not enough."""
    optimizer.start()
    while float(optimizer.losses.total) > value:
        if optimizer.converged or optimizer.evaluations >= most:
            return math.inf
        optimizer.step()
    return optimizer.evaluations


def make(name, objective, start=None, **changes):
    start = objective.start if start is None else start
    options = Options(name=name, **{"tolerance": 0, **changes})
    return make_optimizer(options, objective, start)


@pytest.fixture(scope="module")
def quadratic():
    return Quadratic()


# What both promise


def test_options_choose_the_optimizer(quadratic):
    assert isinstance(make("adam", quadratic), Adam)
    assert isinstance(make("lbfgs", quadratic), LBFGS)


@pytest.mark.parametrize("name", NAMES)
def test_start_evaluates_the_image_and_leaves_it(name, quadratic):
    optimizer = make(name, quadratic)
    optimizer.start()
    assert optimizer.evaluations == 1
    assert not optimizer.converged
    assert optimizer.losses.total == quadratic(quadratic.start)[0].total.numpy()
    np.testing.assert_array_equal(optimizer.image, quadratic.start)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_those_of_an_image_within_its_range(name, quadratic):
    optimizer = make(name, quadratic)
    optimizer.start()
    bounds = 0
    for _ in range(30):
        optimizer.step()
        image = optimizer.image.numpy()
        assert 0 <= image.min() <= image.max() <= 1
        bounds += np.sum((image == 0) | (image == 1))
        assert optimizer.losses.total == pytest.approx(
            quadratic(optimizer.image)[0].total.numpy(), rel=1e-5
        )
    assert bounds > 0, "no bound was ever active"
    assert optimizer.losses.total < 0.5 * quadratic(quadratic.start)[0].total


@pytest.mark.parametrize("name", NAMES)
def test_evaluations_are_counted(name, quadratic):
    calls = []

    def counted(image):
        tf.py_function(lambda: calls.append(None), [], [])
        return quadratic(image)

    optimizer = make(name, counted, quadratic.start)
    optimizer.start()
    for _ in range(5):
        optimizer.step()
    assert optimizer.evaluations == len(calls) >= 6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_restored_state_goes_on_bit_for_bit(name, fresh, quadratic):
    def trail(optimizer, steps=12):
        for _ in range(steps):
            optimizer.step()
            yield (
                optimizer.image.numpy().tobytes(),
                float(optimizer.losses.total),
                optimizer.evaluations,
            )

    # A short history: its ring is full, and its oldest moves are overwritten.
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
    assert second.losses.total == state["losses"][0]
    assert list(trail(second)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_state_holds_plain_arrays(name, quadratic):
    optimizer = make(name, quadratic)
    optimizer.start()
    optimizer.step()
    assert all(type(each) is np.ndarray for each in optimizer.state().values())


# Adam


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
        assert optimizer.losses.total == pytest.approx(value, rel=1e-4)
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


# L-BFGS


def test_lbfgs_never_increases_and_finds_the_minimum(quadratic):
    best = scipy_minimum(quadratic)
    optimizer = make("lbfgs", quadratic)
    optimizer.start()
    first = before = float(optimizer.losses.total)
    for _ in range(300):
        optimizer.step()
        assert float(optimizer.losses.total) <= before
        before = float(optimizer.losses.total)
        if optimizer.converged:
            break
    assert optimizer.converged
    assert before - best.fun == pytest.approx(0, abs=1e-6 * (first - best.fun))
    np.testing.assert_allclose(optimizer.image.numpy().ravel(), best.x, atol=0.01)


def scipy_minimum(quadratic):
    result, _ = minimize_with_scipy(quadratic.in_numpy, quadratic.start, 3000, 1e-8)
    assert np.mean((result.x <= 0) | (result.x >= 1)) > 0.2, "few bounds are active"
    return result


@pytest.mark.parametrize("condition", [100.0, 1000.0, 10000.0])
@pytest.mark.parametrize("spread", [0.75, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_lbfgs_is_as_quick_as_scipy_on_a_convex_problem(condition, spread, seed):
    problem = Quadratic(condition, spread, seed)
    traced = tf.function(problem)
    minimum = scipy_minimum(problem).fun
    _, best = minimize_with_scipy(as_numpy(traced, SHAPE), problem.start, 150)
    target = minimum + 1e-4 * (best[0] - minimum)
    theirs = 1 + int(np.argmax(best <= target))
    assert best[-1] <= target
    ours = evaluations_to_reach(target, make("lbfgs", traced, problem.start), 200)
    assert ours <= 1.1 * theirs, (ours, theirs)


@pytest.fixture(scope="module")
def style_transfer(content_path, style_path):
    """The default objective at 128 pixels, and its start by `init`."""
    config = StyleConfig(styles=[{}], precision="float32")
    scale = Scale(128, 0)
    inputs = Inputs(load_image(content_path), [load_image(style_path)])
    network = make_network(config, config.precision)
    setting = Setting(config, inputs, config.precision)
    objective = make_objective(network, setting, scale, setting.plan(scale))

    def start(init):
        chosen = config.with_overrides({"init": init})
        return to_tensor(start_image(chosen, inputs, scale))

    return objective, start


@pytest.mark.parametrize("init", ["content", "noise"])
def test_lbfgs_is_as_quick_as_scipy_on_a_style_transfer(init, style_transfer):
    objective, start = style_transfer
    image, evaluations = start(init), 60
    function = as_numpy(objective.value_and_gradient, image.shape)
    _, best = minimize_with_scipy(function, image, evaluations)
    target, theirs = best[:evaluations].min(), len(best[:evaluations])
    optimizer = make("lbfgs", objective.value_and_gradient, image)
    ours = evaluations_to_reach(target, optimizer, 1.1 * theirs)
    assert ours <= 1.1 * theirs, (float(optimizer.losses.total), target)
    again = objective.losses(optimizer.image).total.numpy()
    assert optimizer.losses.total == pytest.approx(again, rel=1e-4)


def test_lbfgs_rests_at_a_minimum(quadratic):
    center = tf.constant(np.clip(quadratic.center, 0, 1).reshape(SHAPE), tf.float32)

    def bowl(image):  # pulls beyond the bounds, too
        away = image - tf.constant(quadratic.center.reshape(SHAPE), tf.float32)
        return losses(tf.reduce_sum(away**2) / 2), away

    optimizer = make("lbfgs", bowl, center)
    optimizer.start()
    optimizer.step()
    assert optimizer.converged
    assert optimizer.evaluations == 1
    np.testing.assert_array_equal(optimizer.image, center)


def test_lbfgs_leaves_a_bound_that_it_started_at(quadratic):
    def bowl(image):
        return losses(tf.reduce_sum((image - 0.3) ** 2)), 2 * (image - 0.3)

    for start in (0.0, 1.0):
        optimizer = make("lbfgs", bowl, tf.fill(SHAPE, start))
        optimizer.start()
        for _ in range(4):
            optimizer.step()
        np.testing.assert_allclose(optimizer.image, np.full(SHAPE, 0.3), atol=1e-3)


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
@pytest.mark.parametrize("far", [math.nan, math.inf])
def test_a_step_is_taken_back_where_the_objective_is_no_number(name, far):
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
        assert np.isfinite(optimizer.losses.total)
        assert optimizer.image.numpy().min() >= 0.594
        assert optimizer.image.numpy().max() <= 0.6
    assert not np.isfinite(seen).all(), "the line search never looked beyond"
    assert optimizer.image.numpy().min() > 0.598
    assert any("not finite; went back" in text for text in said)


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
@pytest.mark.filterwarnings("ignore:after step")
def test_it_gives_up_where_no_step_is_finite(name):
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
    assert float(optimizer.losses.total) == 1.0


def test_lbfgs_starts_again_when_its_curvature_misleads(quadratic):
    optimizer = make("lbfgs", quadratic)
    optimizer.start()
    for _ in range(5):
        optimizer.step()
    before, state = float(optimizer.losses.total), optimizer.state()
    # A valley that seems flat: each step goes from border to border.
    for i in range(5):
        state[f"change/{i}"] = 1e-20 * state[f"move/{i}"]
    optimizer.restore(state)
    optimizer.step()
    assert float(optimizer.losses.total) < before
    assert optimizer.evaluations > state["evaluations"] + 2, "nothing misled it"
    assert optimizer.state()["pairs"] == 1
    assert not optimizer.converged


def test_lbfgs_remembers_as_many_moves_as_asked(quadratic):
    totals = set()
    for history in (1, 3, 20):
        optimizer = make("lbfgs", quadratic, history=history)
        optimizer.start()
        for _ in range(8):
            optimizer.step()
        totals.add(float(optimizer.losses.total))
        kept = [name for name in optimizer.state() if name.startswith("move/")]
        assert len(kept) == min(history, 8)
    assert len(totals) == 3


class TestTolerance:
    """Ten steps that gain less than this share are the last ones."""

    def run(self, quadratic, tolerance):
        """Return the totals after each ten steps."""
        optimizer = make("lbfgs", quadratic, tolerance=tolerance)
        optimizer.start()
        totals = [float(optimizer.losses.total)]
        while not optimizer.converged and len(totals) < 9:
            for _ in range(10):
                assert not optimizer.converged  # in the middle of ten
                optimizer.step()
            totals.append(float(optimizer.losses.total))
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
