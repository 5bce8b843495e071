"""The direction of L-BFGS against the classic two-loop recursion, in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from quadratics import Quadratic, losses, make

from tfstyle.optimizers.lbfgs import BLOCK, CHUNK, FIRST_CHANGE, two_loops

HISTORY = 4
SHAPES = {
    "small": (1, 16, 16, 3),  # less than a block
    "whole blocks": (1, 64, 128, 3),
    "whole chunks": (1, 256, 256, 3),
    "neither": (1, 151, 149, 3),  # a chunk, a block, and some more
}


def usable(s, y):
    """Whether a pair has curvature; for all that is tested here, by a wide margin."""
    return s @ y > 1e-6 * math.sqrt((s @ s) * (y @ y))


def classic(pairs, gradient, first_scale):
    """Nocedal & Wright (2006, algorithm 7.4): -H g.

    Args:
        pairs: s and y, from the oldest to the newest.
        gradient: g.
        first_scale: of H where no pair has curvature.
    """
    pairs = [(s, y) for s, y in pairs if usable(s, y)]
    q, alphas = gradient.copy(), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (s @ y))
        q -= alphas[-1] * y
    if pairs:
        s, y = pairs[-1]
        q *= (s @ y) / (y @ y)
    else:
        q *= first_scale
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - (y @ q) / (s @ y)) * s
    return -q


def random_pairs(size, count, rng):
    """Pairs of a convex function, whose curvature is from 0.1 to 1, and some noise."""
    curvature = rng.uniform(0.1, 1, size)
    steps = 0.05 * rng.normal(size=(count, size))
    return [(s, curvature * s + 0.003 * rng.normal(size=size)) for s in steps]


def spoilt(pairs, which):
    """The same with some pairs that have no curvature, each in another way."""
    ways = [
        lambda s, y: (s, -y),
        lambda s, y: (0 * s, y),
        lambda s, y: (s, 0 * y),
        lambda s, y: (s, y - s * (s @ y) / (s @ s)),  # orthogonal but for rounding
    ]
    kinds = {i: ways[n % len(ways)] for n, i in enumerate(which)}
    return [kinds[i](s, y) if i in kinds else (s, y) for i, (s, y) in enumerate(pairs)]


class TestTwoLoops:
    @pytest.mark.parametrize("count", [0, 1, 3, 6])
    @pytest.mark.parametrize("invalid", [(), (0,), (1, 2), (0, 1, 2, 3, 4, 5)])
    def test_are_the_classic_ones(self, count, invalid, random):
        size, history = 40, 6
        vectors = [(np.zeros(size), np.zeros(size))] * history
        pairs = spoilt(random_pairs(size, count, random), invalid)
        # A ring: the newest is at slot 1, those before it go round.
        slots = [(1 - age) % history for age in range(count)]
        for slot, pair in zip(slots, reversed(pairs), strict=True):
            vectors[slot] = pair
        gradient = random.normal(size=size)
        basis = np.array([*(s for s, _ in vectors), *(y for _, y in vectors), gradient])
        weights = two_loops(basis @ basis.T, slots, 0.37)
        expected = classic(pairs, gradient, 0.37)
        np.testing.assert_allclose(weights @ basis, expected, rtol=1e-9, atol=1e-12)

    def test_of_no_pair_is_the_steepest_descent(self):
        products = np.diag([0.0, 0.0, 5.0])
        np.testing.assert_array_equal(two_loops(products, [], 0.25), [0, 0, -0.25])

    def test_of_a_line_is_newton_s_step(self):
        """f = 3/2 x²: s = 2, y = 6; from a gradient of 9 the way is -3."""
        basis = np.array([[2.0], [6.0], [9.0]])
        weights = two_loops(basis @ basis.T, [0], 1.0)
        assert weights @ basis == pytest.approx(-3)

    def test_leads_downhill(self, random):
        """H is positive definite, whatever the pairs."""
        for _ in range(50):
            vectors = random.normal(size=(2 * HISTORY + 1, 12))
            products = vectors @ vectors.T
            slots = random.permutation(HISTORY)
            direction = two_loops(products, slots, 1.0) @ vectors
            assert direction @ vectors[-1] < 0


def nothing(image):
    """An objective that nobody evaluates."""
    return losses(0.0), tf.zeros_like(image)


def stored(optimizer, image, gradient, pairs):
    """Bring an optimizer to where it has found these pairs, one after the other."""
    state = optimizer.state()
    state["image"] = image.reshape(optimizer.image.shape).astype(np.float32)
    state["gradient"] = gradient.astype(np.float32)
    state["pairs"] = np.array(len(pairs))
    bfloat16 = tf.bfloat16.as_numpy_dtype
    half = optimizer._s[0].dtype == tf.bfloat16
    for number, pair in enumerate(pairs):
        for name, values in zip("sy", pair, strict=True):
            padded = np.zeros(-(-values.size // BLOCK) * BLOCK, np.float32)
            padded[: values.size] = values
            if half:
                padded = padded.astype(bfloat16).view(np.uint16)
            state[f"{name}/{number % HISTORY}"] = padded
    optimizer.restore(state)


def held(image, gradient):
    """Where a bound holds a pixel."""
    return ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))


def rounded(values, precision):
    """To what the history holds."""
    kind = tf.bfloat16.as_numpy_dtype if precision == "bfloat16" else np.float32
    return values.astype(np.float32).astype(kind).astype(np.float64)


class TestDirection:
    """`LBFGS._direction`, of vectors in blocks and chunks."""

    def compare(self, shape, pairs, random, precision="float32", bounds=True):
        size = math.prod(shape)
        image = random.random(size).astype(np.float32)
        if bounds:
            image[random.random(size) < 0.2] = 0
            image[random.random(size) < 0.2] = 1
        gradient = random.normal(size=size).astype(np.float32)
        how = {"history": HISTORY, "history_precision": precision}
        optimizer = make("lbfgs", nothing, tf.fill(shape, 0.5), **how)
        stored(optimizer, image, gradient, pairs)
        found = optimizer._direction().numpy()
        free = ~held(image, gradient)
        assert (not free.all()) == bounds
        masked = [
            (rounded(s, precision) * free, rounded(y, precision) * free)
            for s, y in pairs[-HISTORY:]
        ]
        gradient = gradient.astype(np.float64) * free
        first = FIRST_CHANGE / np.abs(gradient).mean()
        expected = classic(masked, gradient, first)
        assert found.shape == (size,)
        assert not found[~free].any()
        error = np.linalg.norm(found - expected)
        assert error < 1e-5 * np.linalg.norm(expected)

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    @pytest.mark.parametrize("bounds", [False, True])
    def test_is_the_classic_one(self, shape, bounds, random):
        pairs = random_pairs(math.prod(shape), HISTORY, random)
        self.compare(shape, pairs, random, bounds=bounds)

    @pytest.mark.parametrize("count", [0, 1, 3, 6, 9])
    @pytest.mark.parametrize("name", ["small", "neither"])
    def test_of_fewer_pairs_than_the_history_and_of_more(self, count, name, random):
        shape = SHAPES[name]
        self.compare(shape, random_pairs(math.prod(shape), count, random), random)

    @pytest.mark.parametrize("invalid", [(0,), (1, 2), (3,), (0, 1, 2, 3)])
    def test_leaves_out_pairs_without_curvature(self, invalid, random):
        shape = SHAPES["small"]
        pairs = random_pairs(math.prod(shape), HISTORY, random)
        self.compare(shape, spoilt(pairs, invalid), random, bounds=False)

    @pytest.mark.parametrize("name", SHAPES)
    def test_of_a_history_in_bfloat16(self, name, random):
        shape = SHAPES[name]
        pairs = random_pairs(math.prod(shape), 3, random)
        self.compare(shape, pairs, random, "bfloat16")

    def test_of_no_pair_changes_a_pixel_by_a_hundredth(self, random):
        optimizer = make("lbfgs", nothing, tf.fill(SHAPES["neither"], 0.5))
        size = math.prod(SHAPES["neither"])
        stored(optimizer, np.full(size, 0.5), random.normal(size=size), [])
        change = np.abs(optimizer._direction().numpy()).mean()
        assert change == pytest.approx(FIRST_CHANGE, rel=1e-5)

    def test_sizes_are_what_their_names_say(self):
        small, blocks, chunks, neither = map(math.prod, SHAPES.values())
        assert small < BLOCK
        assert blocks % BLOCK == 0
        assert chunks % CHUNK == 0
        assert neither > CHUNK
        assert neither % BLOCK != 0


class TestAlongTheWay:
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_pairs_are_the_changes_of_image_and_gradient(self, precision):
        quadratic = Quadratic()
        how = {"history": HISTORY, "history_precision": precision}
        optimizer = make("lbfgs", quadratic, **how)
        optimizer.start()
        pairs, state = [], optimizer.state()
        for number in range(HISTORY + 3):
            before = {name: each.copy() for name, each in state.items()}
            optimizer.step()
            state = optimizer.state()
            pairs.append(
                [
                    rounded(np.ravel(state[name] - before[name]), precision)
                    for name in ("image", "gradient")
                ]
            )
            for name, expected in zip("sy", pairs[-1], strict=True):
                found = state[f"{name}/{number % HISTORY}"]
                if precision == "bfloat16":
                    assert found.dtype == np.uint16
                    found = found.view(tf.bfloat16.as_numpy_dtype)
                found = found.astype(np.float64)
                np.testing.assert_array_equal(found[: expected.size], expected)
                assert not found[expected.size :].any()
            self.assert_classic(optimizer, state, pairs[-HISTORY:])

    def assert_classic(self, optimizer, state, pairs):
        gradient = state["gradient"].astype(np.float64)
        free = ~held(state["image"].ravel(), gradient)
        pairs = [(s * free, y * free) for s, y in pairs]
        expected = classic(pairs, gradient * free, 0.0)
        found = optimizer._direction().numpy()
        error = np.linalg.norm(found - expected)
        assert error < 1e-4 * np.linalg.norm(expected)
