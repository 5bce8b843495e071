"""What holds for every term there is, and for each that will be added to the tables."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, small
from objectives import (
    EVERY_TERM,
    FORMULATIONS,
    assert_equal,
    both,
    groups_with,
    noisy,
    tensor,
    tiled,
    vivid,
    whole,
)

from tfstyle.objective.groups import Group, terms_of
from tfstyle.objective.term import Seen, Term, add
from tfstyle.objective.terms import CONTENT_TERMS, STYLE_TERMS, Variation
from tfstyle.vgg.extractor import vgg19

KINDS = CONTENT_TERMS | STYLE_TERMS | {"variation": Variation}
MEANS = [name for name, kind in KINDS.items() if kind.mix is Term.mix]
BUT_VARIATION = [name for name in EVERY_TERM if name != "variation"]


@pytest.mark.parametrize("name", EVERY_TERM)
class TestTiles:
    @pytest.mark.parametrize("size", [4, 16, 24, 1000])
    def test_are_the_whole(self, name, size, tiny_network, photo, painting):
        pictures = vivid(photo), photo, vivid(painting)
        assert_equal(*both(tiny_network, groups_with(name), *pictures, size=size))

    @pytest.mark.parametrize("formulation", FORMULATIONS)
    def test_are_the_whole_in_each_form(
        self, name, formulation, tiny_network, photo, painting
    ):
        groups = groups_with(name, formulation)
        pictures = vivid(photo), photo, vivid(painting), (1 - vivid(photo[:30]), 2.5)
        how = {"size": 20, "keep_content": False}
        assert_equal(*both(tiny_network, groups, *pictures, **how))


def of_the_real_network():
    """Every term at once, on layers of VGG19."""
    layers = {f"block{block}_conv1": 0.2 for block in range(1, 6)}
    content = {"block4_conv2": 1.0}
    names = [(name, content) for name in CONTENT_TERMS]
    names += [(name, layers) for name in STYLE_TERMS]
    groups = [groups_with(name, layers=each)[0] for name, each in names]
    return (*groups, Group("variation", 1.0, (Variation(),)))


@pytest.mark.slow
def test_tiles_of_the_real_network_are_the_whole():
    groups = of_the_real_network()
    network = vgg19([term.layer for term in terms_of(groups) if term.layer])
    content = small(ROOT / "examples/content/chelsea.png", 241)
    style = small(ROOT / "examples/style/swirls.jpg", 203)
    assert_equal(*both(network, groups, noisy(content), content, style, size=96))


def part_of(features, content, pixels, rows):
    """Some rows of a picture, as a tile with a halo of one pixel."""
    first, last = rows
    above, below = min(first, 1), min(pixels.shape[1] - last, 1)
    return Seen(
        {layer: each[:, first:last] for layer, each in features.items()},
        {layer: each[:, first:last] for layer, each in content.items()},
        pixels[:, first - above : last + below],
        tf.constant([above, below, 0, 0]),
        {
            layer: tf.constant([first, 0, *each.shape[1:3]])
            for layer, each in features.items()
        },
    )


@pytest.mark.parametrize("name", EVERY_TERM)
class TestObserve:
    @pytest.mark.parametrize("beside", [True, False])
    def test_parts_of_two_tiles_add_up_to_the_whole(self, name, beside, random):
        (term,) = terms_of(groups_with(name, layers={"block1_conv1": 1.0}))

        def features():
            values = random.normal(size=(1, 7, 5, 4))
            return {"block1_conv1": tf.constant(values, tf.float32)}

        seen = features(), features() if beside else {}
        pixels = tf.constant(random.random((1, 7, 5, 3)), tf.float32)
        expected = term.observe(part_of(*seen, pixels, (0, 7)))
        first = term.observe(part_of(*seen, pixels, (0, 3)))
        second = term.observe(part_of(*seen, pixels, (3, 7)))
        found = add(add({}, first), second)
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-5)
            assert not np.allclose(first[key], value)


@pytest.mark.parametrize("name", MEANS)
class TestMeans:
    def test_parts_hold_the_number_of_positions(self, name, random):
        """By which several styles are made one."""
        (term,) = terms_of(groups_with(name, layers={"block1_conv1": 1.0}))
        counts = []
        for height in (3, 6):
            features = tf.constant(random.normal(size=(1, height, 5, 4)), tf.float32)
            pixels = tf.constant(random.random((1, height, 5, 3)), tf.float32)
            seen = part_of({"block1_conv1": features}, {}, pixels, (0, height))
            counts.append(float(term.observe(seen)["positions"]))
        assert counts[1] == 2 * counts[0] > 0


@pytest.mark.parametrize("name", EVERY_TERM)
@pytest.mark.parametrize("by_tiles", [False, True])
class TestGradient:
    def test_agrees_with_finite_differences(
        self, name, by_tiles, smooth_network, photo, painting, random
    ):
        how = smooth_network, groups_with(name), photo[8:20, 20:36], painting[:14, :20]
        objective = tiled(*how, size=8) if by_tiles else whole(*how)
        image = random.random((12, 16, 3))
        gradient = objective.value_and_gradient(tensor(image))[1][0].numpy()
        size = np.linalg.norm(gradient)
        step = 0.002 if name == "variation" else 0.02
        for direction in (gradient, *random.normal(size=(2, *image.shape))):
            direction = step * direction / np.linalg.norm(direction)
            ahead = objective.losses(tensor(image + direction))["total"]
            behind = objective.losses(tensor(image - direction))["total"]
            slope = (ahead - behind) / (2 * step)
            expected = np.sum(gradient * direction) / step
            assert slope == pytest.approx(expected, abs=5e-3 * float(size))


@pytest.mark.parametrize("name", BUT_VARIATION)
@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("by_tiles", [False, True])
def test_the_target_s_own_image_has_distance_zero(
    name, formulation, by_tiles, smooth_network, painting
):
    how = smooth_network, groups_with(name, formulation), painting, painting
    objective = tiled(*how, size=16) if by_tiles else whole(*how)
    far = objective.losses(tensor(vivid(painting)))[name]
    near = objective.losses(tensor(painting))[name]
    assert far > 0
    # A cosine distance is rounded to about 1e-7.
    assert near == pytest.approx(0, abs=max(1e-4 * far, 2e-7))


def test_the_variation_of_a_flat_image_is_zero(tiny_network, photo):
    objective = whole(tiny_network, groups_with("variation"), photo, photo)
    assert objective.losses(tensor(np.full_like(photo, 0.4)))["variation"] == 0
