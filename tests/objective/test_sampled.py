"""Terms over samples, against the papers' formulas in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.objective.sampled import Nearest, SelfSimilarity, SlicedWasserstein
from tfstyle.objective.term import Seen

LAYER = "block1_conv1"
COUNT = 40


def see(features):
    features = tf.constant(features, tf.float32)
    return Seen({LAYER: features}, {}, features, tf.zeros(4, tf.int32))


def term(kind, weight=1.0):
    return kind(LAYER, weight, samples=COUNT)


def distance(kind, features, target, weight=1.0):
    each = term(kind, weight)
    matched = each.target(each.observe(see(target)))
    return float(each.distance(each.observe(see(features)), matched))


def samples(features):
    return np.asarray(term(Nearest).observe(see(features))["samples"], np.float64)


def cosine_distances(a, b):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return 1 - a @ b.T


@pytest.fixture
def features(random):
    return random.random((1, 9, 12, 5))


@pytest.fixture
def other(random):
    return random.random((1, 7, 15, 5)) ** 2


def test_self_similarity_agrees_with_numpy(features, other, random):
    other = random.random((1, 9, 12, 5))

    def relative(rows):
        rows = rows - rows.mean(0)
        costs = cosine_distances(rows, rows)
        return costs / costs.mean()

    expected = np.mean((relative(samples(features)) - relative(samples(other))) ** 2)
    assert distance(SelfSimilarity, features, other) == pytest.approx(expected, 1e-4)


def test_self_similarity_does_not_see_shift_scale_or_rotation(features, random):
    turn, _ = np.linalg.qr(random.normal(size=(5, 5)))
    assert distance(SelfSimilarity, 3 * features @ turn + 2, features) < 1e-9
    assert distance(SelfSimilarity, features[:, ::-1], features) > 0.01


def test_nearest_agrees_with_numpy(features, other):
    costs = cosine_distances(samples(features), samples(other))
    expected = max(costs.min(1).mean(), costs.min(0).mean())
    assert distance(Nearest, features, other) == pytest.approx(expected, rel=1e-4)


def test_nearest_looks_both_ways(features):
    """Features that use only a part of the style's are not its match."""
    part = np.broadcast_to(samples(features)[0], features.shape)
    costs = cosine_distances(samples(part), samples(features))
    assert costs.min(1).mean() < 1e-6
    assert distance(Nearest, part, features) > 0.01


def test_sliced_wasserstein_agrees_with_numpy(features, other):
    rng = np.random.default_rng(0)
    across = rng.normal(size=(5, SlicedWasserstein.directions))
    across /= np.linalg.norm(across, axis=0)
    found, wanted = (np.sort(samples(f) @ across, 0) for f in (features, other))
    expected = np.mean((found - wanted) ** 2) / np.mean((wanted - wanted.mean(0)) ** 2)
    assert distance(SlicedWasserstein, features, other) == pytest.approx(expected, 1e-4)


@pytest.mark.parametrize("kind", [Nearest, SlicedWasserstein])
def test_style_does_not_depend_on_the_order_of_places(kind, features, random):
    sampled = samples(features)
    shuffled = random.permutation(sampled)
    count = len(sampled)
    whole = kind(LAYER, samples=4096)
    one, two = (
        whole.observe(see(np.reshape(x, (1, 1, count, 5)))) for x in (sampled, shuffled)
    )
    assert float(whole.distance(two, whole.target(one))) < 0.01


@pytest.mark.parametrize("kind", [SelfSimilarity, Nearest, SlicedWasserstein])
def test_the_weight_multiplies(kind, features, random):
    other = random.random(features.shape)
    once, thrice = (distance(kind, features, other, weight) for weight in (1.0, 3.0))
    assert thrice == pytest.approx(3 * once, rel=1e-5)


def test_of_several_styles_each_brings_its_part(features, other):
    each = term(Nearest)
    one, two = (each.observe(see(f)) for f in (features, other))
    mixed = each.mix([(one, 1.0), (two, 3.0)])["samples"].numpy()
    assert mixed.shape == (COUNT, 5)
    assert np.array_equal(mixed[:10], one["samples"][:10])
    assert np.array_equal(mixed[10:], two["samples"][:30])
