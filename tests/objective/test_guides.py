"""tfstyle.objective.guides: how masks reach layers, and what terms make of them."""

import numpy as np
import pytest
from numpy_formulas import content_loss, features_of
from objectives import noisy, options, tensor

from tfstyle.objective.groups import compile_groups
from tfstyle.objective.guides import carry, coverage
from tfstyle.objective.regions import make_guides
from tfstyle.objective.tile_graphs import TiledGraphs
from tfstyle.objective.tiled import Tiled
from tfstyle.objective.whole import Whole
from tfstyle.vgg.layers import layer

STYLE_LAYERS = {"block1_conv1": 0.5, "block2_conv1": 2.0}  # strides as in VGG19
LOSSES = ("gram", "moments", "covariance", "nearest", "sliced_wasserstein")


@pytest.fixture
def masks(photo):
    """Two regions of the photo, with a soft border, and a third that is no one's."""
    height, width = photo.shape[:2]
    ramp = np.clip((np.arange(width) - width / 3) / 8, 0, 1)
    left = np.tile(1 - ramp, (height, 1)).astype(np.float32)
    right = (1 - left) * (np.arange(height) < 0.7 * height)[:, None]
    return [left, right.astype(np.float32)]


def aimed(objective, content, style, masks):
    """Aim at a style that all regions have in common."""
    terms, white = objective.style_terms, np.ones(style.shape[:2], np.float32)
    guides = make_guides([white] * len(masks), terms)
    parts = objective.observe(tensor(style), terms, guides)
    of_image = make_guides(masks, terms)
    objective.aim(tensor(content), [[(each, 1.0) for each in parts]], of_image)
    return objective


def groups(masks, **changes):
    return compile_groups(
        options(**{"style_layers": STYLE_LAYERS, **changes}),
        regions=[float(mask.mean()) for mask in masks],
    )


class TestCarry:
    @pytest.mark.parametrize("name", ["block1_conv1", "block2_conv2", "block4_conv1"])
    def test_is_that_of_what_a_receptive_field_sees(self, random, name):
        mask = (random.random((50, 41)) > 0.4).astype(np.float32)
        known = layer(name)
        expected = np.zeros((50 // known.stride, 41 // known.stride))
        for y, x in np.ndindex(*expected.shape):
            rows, columns = (
                slice(
                    max(0, at * known.stride - known.halo),
                    (at + 1) * known.stride + known.halo,
                )
                for at in (y, x)
            )
            expected[y, x] = 2 * mask[rows, columns].mean() - 1
        np.testing.assert_allclose(
            carry(mask, name), np.maximum(expected, 0), atol=1e-6
        )

    @pytest.mark.parametrize("name", ["block1_conv1", "block2_conv1", "block3_conv1"])
    def test_regions_beside_each_other_share_no_place(self, random, name):
        mask = (random.random((4, 4)) > 0.5).repeat(40, 0).repeat(40, 1)
        mask = mask.astype(np.float32)
        assert (carry(mask, name) * carry(1 - mask, name)).max() == 0

    @pytest.mark.parametrize("name", ["block1_conv1", "block3_conv1"])
    def test_styles_that_overlap_or_fade_leave_no_gap(self, name):
        at = np.tile(np.arange(96, dtype=np.float32), (96, 1))
        fade = at / 95
        for masks in (at < 64, at >= 32), (fade, 1 - fade):
            found = [carry(each, name) for each in coverage(masks, [1, 1], at.shape)]
            np.testing.assert_allclose(sum(found), 1, atol=0.2)
            middle = found[0].shape[1] // 2
            assert found[0][5, middle] == pytest.approx(0.5, abs=0.02)

    def test_of_white_is_white_and_of_black_black(self):
        mask = np.ones((40, 56), np.float32)
        assert (carry(mask, "block4_conv2") == 1).all()
        assert (carry(0 * mask, "block4_conv2") == 0).all()

    def test_of_one_pixel_is_not_lost(self):
        mask = np.zeros((64, 64), np.float32)
        mask[30, 30] = 1
        assert carry(mask, "block4_conv1").max() > 0


class TestShares:
    def test_where_masks_overlap_weights_decide(self):
        one = np.array([[1, 1, 0, 0.5]], np.float32)
        two = np.array([[0, 1, 0, 0.5]], np.float32)
        first, second = coverage([one, two], [1, 3], (1, 4))
        np.testing.assert_allclose(first, [[1, 0.25, 0, 0.25]], atol=1e-6)
        np.testing.assert_allclose(second, [[0, 0.75, 0, 0.75]], atol=1e-6)

    def test_the_rest_is_for_styles_without_a_mask(self):
        mask = np.array([[1, 0.25, 0]], np.float32)
        first, rest = coverage([mask, None], [1, 1], (1, 3))
        np.testing.assert_allclose(first, mask, atol=1e-6)
        np.testing.assert_allclose(rest, 1 - mask, atol=1e-6)

    def test_a_weight_of_zero_leaves_a_style_out(self):
        mask = np.array([[1, 0.5, 0]], np.float32)
        first, second = coverage([mask, mask], [0, 1], (1, 3))
        assert first.max() == 0
        np.testing.assert_allclose(second, mask, atol=1e-6)

    def test_are_never_more_than_the_picture(self, random):
        masks = list(random.random((3, 9, 7)).astype(np.float32))
        assert sum(coverage(masks, [1, 2, 3], (9, 7))).max() <= 1 + 1e-6


class TestTerms:
    def test_gram_is_that_of_weighted_places(
        self, tiny_network, photo, painting, masks
    ):
        image = noisy(photo)
        found = aimed(Whole(tiny_network, groups(masks)), photo, painting, masks)
        losses = found.losses(tensor(image))
        features, style = (
            features_of(tiny_network, image),
            features_of(tiny_network, painting),
        )
        expected = 0.0
        for name, weight in STYLE_LAYERS.items():
            target = style[name].T @ style[name] / len(style[name])
            for mask in masks:
                guide = carry(mask, name).astype(np.float64).reshape(-1, 1)
                gram = features[name].T @ (guide * features[name]) / guide.sum()
                error = np.mean((gram - target) ** 2) / np.mean(target**2)
                expected += weight * mask.mean() * error
        assert losses["style"] == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize("name", LOSSES)
    def test_one_white_region_is_no_region(self, tiny_network, photo, painting, name):
        white = [np.ones(photo.shape[:2], np.float32)]
        guided = Whole(tiny_network, groups(white, style_loss=name))
        plain = Whole(
            tiny_network,
            compile_groups(options(style_layers=STYLE_LAYERS, style_loss=name)),
        )
        parts = plain.observe(tensor(painting), plain.style_terms)
        plain.aim(tensor(photo), [[(each, 1.0) for each in parts]])
        both = [
            each.value_and_gradient(tensor(noisy(photo)))
            for each in (aimed(guided, photo, painting, white), plain)
        ]
        for found, expected in zip(*both, strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)

    @pytest.mark.parametrize("name", LOSSES)
    @pytest.mark.parametrize("size", [16, 24])
    def test_in_tiles_are_those_of_the_whole(
        self, tiny_network, photo, painting, masks, name, size
    ):
        of_regions = groups(masks, style_loss=name)
        whole = aimed(Whole(tiny_network, of_regions), photo, painting, masks)
        graphs = TiledGraphs(tiny_network, of_regions)
        tiled = aimed(Tiled(graphs, of_regions, size), photo, painting, masks)
        image = tensor(noisy(photo))
        (losses, gradient), (others, other) = (
            each.value_and_gradient(image) for each in (whole, tiled)
        )
        np.testing.assert_allclose(losses, others, rtol=1e-4)
        scale = np.abs(gradient).max()
        assert np.abs(gradient - other).max() < 1e-4 * scale

    def test_the_gradient_ends_where_no_receptive_field_reaches(
        self, tiny_network, photo, painting
    ):
        mask = np.zeros(photo.shape[:2], np.float32)
        mask[:, :16] = 1
        chosen = {"content_weight": 0, "tv_weight": 0}
        chosen["style_layers"] = {"block1_conv1": 1.0, "block2_conv1": 1.0}
        of_regions = groups([mask], **chosen)
        objective = aimed(Whole(tiny_network, of_regions), photo, painting, [mask])
        _, gradient = objective.value_and_gradient(tensor(noisy(photo)))
        columns = np.abs(gradient.numpy()[0]).max(axis=(0, 2))
        # A place counts if half of its receptive field lies inside; it reaches as far
        # beyond the border as the other half.
        known = layer("block2_conv1")
        reach = 16 + known.halo + known.stride
        assert columns[:16].min() > 0
        assert columns[reach:].max() == 0

    @pytest.mark.parametrize("name", ["nearest", "sliced_wasserstein"])
    def test_samples_of_a_region_are_all_its_own(
        self, tiny_network, photo, painting, masks, name
    ):
        """What lies beyond its receptive fields does not count."""
        region = [masks[0]]
        of_region = groups(region, style_loss=name, content_weight=0, tv_weight=0)
        objective = aimed(Whole(tiny_network, of_region), photo, painting, region)
        _, gradient = objective.value_and_gradient(tensor(noisy(photo)))
        columns = np.abs(gradient.numpy()[0]).max(axis=(0, 2))
        known = layer("block2_conv1")
        inside = int(np.flatnonzero(masks[0][0])[-1]) + 2 * known.halo + known.stride
        assert columns[: photo.shape[1] // 4].max() > 0
        assert columns[inside + 1 :].max() == 0


def test_content_is_of_the_whole_picture(tiny_network, photo, painting, masks):
    image = noisy(photo)
    objective = aimed(Whole(tiny_network, groups(masks)), photo, painting, masks)
    found = objective.losses(tensor(image))["content"]
    features = features_of(tiny_network, image)
    target = features_of(tiny_network, photo)
    expected = sum(
        weight * content_loss("relative", features[name], target[name])
        for name, weight in options().content_layers.items()
    )
    assert found == pytest.approx(expected, rel=1e-4)
