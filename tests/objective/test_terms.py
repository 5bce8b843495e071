"""tfstyle.objective.terms: the formula of each term, over features alone."""

import numpy as np
import pytest
import tensorflow as tf
from numpy_formulas import (
    content_loss,
    finite_differences,
    gram,
    gram_loss,
    moments_loss,
)
from objectives import FORMULATIONS

from tfstyle.config.objective import CONTENT_LOSSES, STYLE_LOSSES
from tfstyle.objective.term import Seen, mixed
from tfstyle.objective.terms import (
    CONTENT_TERMS,
    STYLE_TERMS,
    Features,
    Gram,
    Moments,
    Variation,
)

LAYER = "block1_conv1"


def see(features=None, content=None, pixels=None):
    """A whole picture as terms look at it, with features of one layer."""

    def named(values):
        return {} if values is None else {LAYER: tf.convert_to_tensor(values)}

    pixels = np.zeros((1, 2, 2, 3)) if pixels is None else pixels
    return Seen(
        named(features),
        named(content),
        tf.constant(pixels, tf.float32),
        tf.constant([0, 0, 0, 0]),
    )


def float32(values):
    return tf.constant(values, tf.float32)


def distance(term, features, target):
    """How far features are from those of a target, all of one picture."""
    aim = term.target(term.observe(see(target)))
    content = target if term.compares else None
    return term.distance(term.observe(see(features, content)), aim)


def gradient(function, at):
    at = tf.constant(at, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at).numpy()


def flat(features):
    return features.reshape(-1, features.shape[-1])


class TestTables:
    def test_every_term_can_be_chosen_by_its_name(self):
        assert list(CONTENT_TERMS) == CONTENT_LOSSES
        assert list(STYLE_TERMS) == STYLE_LOSSES

    def test_names_are_not_used_twice(self):
        assert not {*CONTENT_TERMS} & {*STYLE_TERMS}


class TestFeatures:
    def test_of_a_shift_are_its_square(self, random):
        target = random.normal(size=(1, 5, 4, 3)).astype(np.float32)
        found = distance(Features(LAYER, 1.0, "mean"), target + 3, target)
        assert found.numpy() == pytest.approx(9, rel=1e-5)

    @pytest.mark.parametrize("formulation", FORMULATIONS)
    def test_of_equals_are_zero(self, formulation, random):
        target = float32(random.normal(size=(1, 5, 4, 3)))
        term = Features(LAYER, 1.0, formulation)
        assert distance(term, target, target).numpy() == 0

    def test_of_the_known_case(self):
        """F - P = (1, 2, 0, -1), P = (1, 1, 2, 2), weight 3."""
        target = np.array([1, 1, 2, 2], np.float32).reshape(1, 2, 1, 2)
        features = target + np.array([1, 2, 0, -1], np.float32).reshape(1, 2, 1, 2)
        expected = {"paper": 3 * 6 / 2, "mean": 3 * 6 / 4, "relative": 3 * 6 / 10}
        for formulation, value in expected.items():
            found = distance(Features(LAYER, 3.0, formulation), features, target)
            assert found.numpy() == pytest.approx(value)

    @pytest.mark.parametrize("formulation", FORMULATIONS)
    def test_and_gradient_agree_with_numpy(self, formulation, random):
        features, target = random.normal(size=(2, 1, 3, 4, 5))

        def reference(values):
            return 0.7 * content_loss(formulation, values, target)

        def loss(values):
            return distance(Features(LAYER, 0.7, formulation), values, float32(target))

        found = loss(float32(features))
        assert found.shape == ()
        assert found.numpy() == pytest.approx(reference(features), rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, features),
            finite_differences(reference, features),
            rtol=1e-4,
            atol=1e-6,
        )

    @pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
    def test_sum_in_float32(self, dtype):
        features = tf.fill((1, 32, 32, 8), tf.constant(400, dtype))
        found = distance(
            Features(LAYER, 1.0, "mean"), features, tf.zeros_like(features)
        )
        assert found.dtype == tf.float32
        assert found.numpy() == pytest.approx(160_000)


class TestGram:
    def test_of_known_matrices(self):
        parts = {"products": float32([[1, 2], [2, 5]]), "positions": float32(1)}
        eye = {"products": float32([[1, 0], [0, 1]]), "positions": float32(1)}
        term = Gram(LAYER, 1.0, "mean")
        assert term.distance(parts, term.target(eye)).numpy() == (0 + 4 + 4 + 16) / 4
        assert term.distance(eye, term.target(eye)).numpy() == 0

    def test_is_a_quarter_in_the_paper_s_form(self):
        """And relative to the target's mean square, ½ here; weight 3."""
        parts = {"products": float32([[1, 2], [2, 5]]), "positions": float32(1)}
        eye = {"products": float32([[1, 0], [0, 1]]), "positions": float32(1)}
        for formulation, value in (("paper", 4.5), ("relative", 36.0)):
            term = Gram(LAYER, 3.0, formulation)
            found = term.distance(parts, term.target(eye)).numpy()
            assert found == pytest.approx(value)

    @pytest.mark.parametrize("formulation", FORMULATIONS)
    def test_and_gradient_agree_with_numpy(self, formulation, random):
        features = random.normal(size=(1, 4, 3, 5))
        target = random.normal(size=(1, 7, 2, 5))

        def reference(values):
            styles = [(flat(target), 1.0)]
            return 0.7 * gram_loss(formulation, flat(values), styles)

        def loss(values):
            return distance(Gram(LAYER, 0.7, formulation), values, float32(target))

        found = loss(float32(features))
        assert found.shape == ()
        assert found.numpy() == pytest.approx(reference(features), rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, features),
            finite_differences(reference, features),
            rtol=1e-4,
            atol=1e-5,
        )

    def test_target_is_the_gram_matrix(self, random):
        features = random.normal(size=(1, 4, 3, 5)).astype(np.float32)
        term = Gram(LAYER)
        found = term.target(term.observe(see(features)))["gram"]
        np.testing.assert_allclose(found, gram(features), rtol=1e-5, atol=1e-6)


class TestMoments:
    # Channels (1, 3) and (3, 7): means 2 and 5, deviations 1 and 2.
    features = np.array([[1, 3], [3, 7]], np.float32).reshape(1, 2, 1, 2)
    # Channels (0, 4, 4, 0) and (3, 5, 3, 5): means 2 and 4, deviations 2 and 1.
    target = np.array([[0, 3], [4, 5], [4, 3], [0, 5]], np.float32).reshape(1, 2, 2, 2)

    @pytest.mark.parametrize(
        ("formulation", "expected"),
        [
            # Channels are off by 0² + 1² and by 1² + 1².
            ("mean", 1.5),
            ("paper", 1.5),
            # The style's own are 2² + 2² and 4² + 1².
            ("relative", 1.5 / 12.5),
        ],
    )
    def test_of_the_known_case(self, formulation, expected):
        term = Moments(LAYER, 3.0, formulation)
        found = distance(term, self.features, self.target)
        assert found.numpy() == pytest.approx(3 * expected, rel=1e-5)

    def test_do_not_tell_how_channels_go_together(self):
        """Two channels that fire together and two that take turns."""
        together = np.array([[0, 0], [1, 1]], np.float32).reshape(1, 2, 1, 2)
        in_turn = np.array([[0, 1], [1, 0]], np.float32).reshape(1, 2, 1, 2)
        assert distance(Moments(LAYER), together, in_turn).numpy() == 0
        assert distance(Gram(LAYER), together, in_turn).numpy() > 0

    def test_forget_where_things_are_and_how_often(self, random):
        features = random.normal(size=(1, 6, 7, 5)).astype(np.float32)
        shuffled = random.permutation(flat(features)).reshape(features.shape)
        repeated = np.tile(features, (1, 3, 2, 1))
        for other in (shuffled, repeated):
            found = distance(Moments(LAYER), other, features).numpy()
            assert found == pytest.approx(0, abs=1e-10)

    @pytest.mark.parametrize("formulation", FORMULATIONS)
    def test_and_gradient_agree_with_numpy(self, formulation, random):
        features = random.normal(size=(1, 4, 3, 5))
        target = random.normal(size=(1, 7, 2, 5))

        def reference(values):
            styles = [(flat(target), 1.0)]
            return 0.7 * moments_loss(formulation, flat(values), styles)

        def loss(values):
            return distance(Moments(LAYER, 0.7, formulation), values, float32(target))

        found = loss(float32(features))
        assert found.shape == ()
        assert found.numpy() == pytest.approx(reference(features), rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, features),
            finite_differences(reference, features),
            rtol=1e-3,
            atol=1e-5,
        )

    def test_of_a_channel_that_never_fires_have_a_gradient(self):
        """σ = √variance alone has none at 0."""
        silent = np.zeros((1, 3, 4, 2), np.float32)
        target = np.ones((1, 3, 4, 2), np.float32)
        found = gradient(lambda f: distance(Moments(LAYER), f, float32(target)), silent)
        assert np.isfinite(found).all()
        assert (found < 0).all()

    @pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
    def test_sum_in_float32(self, dtype):
        # bfloat16 cannot count beyond 256; float16 ends at 65504.
        features = tf.fill((1, 64, 64, 2), tf.constant(300, dtype))
        term = Moments(LAYER, 1.0, "mean")
        found = distance(term, features, tf.zeros_like(features))
        assert found.dtype == tf.float32
        assert found.numpy() == pytest.approx(90_000, rel=1e-3)


class TestVariation:
    picture = np.zeros((1, 2, 3, 3), np.float32)
    picture[0, 0, 1] = 1, 1, 0.5  # has two neighbors beside, one below

    def test_of_the_known_case(self):
        for mean, expected in ((True, 7.5 / 18), (False, 7.5)):
            term = Variation(mean)
            parts = term.observe(see(pixels=self.picture))
            found = term.distance(parts, term.target(parts)).numpy()
            assert found == pytest.approx(expected)


class TestMixed:
    def test_one_style_is_itself(self):
        parts = {"sums": float32([3, 4]), "positions": float32(2)}
        assert mixed([(parts, 5.0)]) is parts

    def test_several_are_their_means_by_weight(self):
        """Sizes do not count: 4 over 2 positions is as much as 20 over 10."""
        small = {"sums": float32([4, 0]), "positions": float32(2)}
        large = {"sums": float32([10, 40]), "positions": float32(10)}
        found = mixed([(small, 3.0), (large, 1.0)])
        mean = found["sums"] / found["positions"]
        np.testing.assert_allclose(mean, [7 / 4, 1], rtol=1e-6)

    @pytest.mark.parametrize("formulation", FORMULATIONS)
    def test_moments_of_several_styles_are_those_of_one_distribution(
        self, formulation, random
    ):
        features, *styles = (
            random.normal(scale, 1 + scale, size=(1, 3 + scale, 4, 5))
            for scale in range(3)
        )
        term = Moments(LAYER, 1.0, formulation)
        weighted = list(zip(styles, (3.0, 1.0), strict=True))
        target = term.target(
            mixed([(term.observe(see(float32(s))), w) for s, w in weighted])
        )
        found = term.distance(term.observe(see(float32(features))), target).numpy()
        pairs = [(flat(s), w / 4) for s, w in weighted]
        expected = moments_loss(formulation, flat(features), pairs)
        assert found == pytest.approx(expected, rel=1e-4)
