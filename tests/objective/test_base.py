"""tfstyle.objective.base: targets, and the loss scale of float16."""

import numpy as np
import pytest
import tensorflow as tf
from objectives import as_groups, groups_with, options, tensor, whole

from tfstyle.config import Objective as Options
from tfstyle.objective.whole import Whole
from tfstyle.vgg.extractor import vgg19


@pytest.fixture(scope="module")
def image(photo):
    """Neither content nor style: the photo mirrored and darkened."""
    return np.ascontiguousarray(0.8 * photo[::-1, ::-1])


class TestAim:
    def test_each_group_has_its_own_targets(self, tiny_network, image, photo, painting):
        """Two groups of style, with a group of the content between them."""
        kinds = ("moments", "features", "gram", "variation")
        groups = [groups_with(name)[0] for name in kinds]
        styles = (painting, 2.0), (1 - photo, 1.0)
        together = whole(tiny_network, tuple(groups), photo, *styles)
        found = together.losses(tensor(image))
        for group in groups:
            alone = whole(tiny_network, (group,), photo, *styles)
            expected = alone.losses(tensor(image))[group.name]
            assert found[group.name] == pytest.approx(expected, rel=1e-6)
        assert found["total"] == pytest.approx(
            sum(group.weight * found[group.name] for group in groups), rel=1e-6
        )

    def test_another_time_replaces_the_targets(
        self, tiny_network, image, photo, painting
    ):
        objective = whole(tiny_network, options(), photo, painting)
        before = objective.losses(tensor(image))
        for content, style in ((painting, photo), (photo, painting)):
            parts = objective.observe(tensor(style), objective.style_terms)
            objective.aim(tensor(content), [[(each, 1.0) for each in parts]])
        assert objective.losses(tensor(image)) == before


class TestHalfPrecision:
    def test_scales_the_gradient_and_gives_it_back(
        self, tiny_network, image, photo, painting
    ):
        how = tiny_network, options(), photo, painting
        plain, scaled = whole(*how), whole(*how, half_precision=True)
        assert float(plain.loss_scale) == 1
        assert float(scaled.loss_scale) > 1000
        losses, gradient = plain.value_and_gradient(tensor(image))
        scaled_losses, scaled_gradient = scaled.value_and_gradient(tensor(image))
        np.testing.assert_allclose(scaled_losses, losses, rtol=1e-6)
        np.testing.assert_allclose(
            scaled_gradient, gradient, atol=1e-5 * np.abs(gradient).max()
        )

    @pytest.mark.parametrize("weight", [1e-6, 1e6])
    def test_keeps_float16_gradients_from_vanishing_and_overflowing(
        self, weight, tiny_network, image, photo, painting
    ):
        def half(picture):  # all gradients pass through float16
            features = tiny_network(tf.cast(tf.cast(picture, tf.float16), tf.float32))
            return {name: tf.cast(f, tf.float16) for name, f in features.items()}

        chosen = options(
            content_weight=2 * weight, style_weight=30 * weight, tv_weight=0
        )
        exact = whole(tiny_network, chosen, photo, painting)
        _, expected = exact.value_and_gradient(tensor(image))

        def error(half_precision):
            objective = Whole(half, as_groups(chosen), half_precision=half_precision)
            objective.content, objective.targets = exact.content, exact.targets
            _, gradient = objective.value_and_gradient(tensor(image))
            return np.linalg.norm(gradient - expected) / np.linalg.norm(expected)

        assert not error(half_precision=False) < 0.1  # NaN where it overflows
        assert error(half_precision=True) < 0.01

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_vgg19_has_nearly_the_same_gradient(
        self, precision, vgg, image, photo, painting
    ):
        chosen = Options()
        exact = whole(vgg, chosen, photo, painting)
        losses, gradient = exact.value_and_gradient(tensor(image))
        network = vgg19(chosen.layers, precision=precision)
        how = {"half_precision": precision == "float16"}
        half = whole(network, chosen, photo, painting, **how)
        half_losses, half_gradient = half.value_and_gradient(tensor(image))
        assert half_losses.dtype == half_gradient.dtype == tf.float32
        np.testing.assert_allclose(half_losses, losses, rtol=0.01)
        error = np.linalg.norm(half_gradient - gradient)
        assert error < 0.1 * np.linalg.norm(gradient)
