"""tfstyle.engine.regions: which style goes where, and runs with masks."""

import numpy as np
import pytest
from conftest import CONTENT, STYLE

import tfstyle
from tfstyle.engine.regions import divide
from tfstyle.images import load_image, resize, save_image
from tfstyle.vgg.layers import layer

OPTIONS = {
    "size": 96,
    "pyramid": {"min_size": None, "steps": [4]},
    "precision": "float32",
    "objective": {"style_layers": {"block1_conv1": 0.5, "block2_conv1": 0.5}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Masks of a left half, its counterpart, and black."""
    path = tmp_path_factory.mktemp("masks")
    left = np.zeros((64, 96, 3), np.float32)
    left[:, :48] = 1
    masks = {"left": left, "right": 1 - left, "black": 0 * left, "white": 0 * left + 1}
    one = 0 * left
    one[20, 30] = 1
    speck = np.zeros((1600, 2400, 3), np.float32)  # nothing of it is left at 96 px
    speck[800, 1200] = 1
    masks["speck"] = speck
    for name, mask in {**masks, "pixel": one}.items():
        save_image(path / f"{name}.png", mask)
    return path


def stylized(styles, **options):
    pictures = [STYLE] * len(styles)
    return tfstyle.stylize(CONTENT, pictures, styles=styles, **{**OPTIONS, **options})


class TestDivide:
    def test_without_masks_there_is_no_region(self):
        regions = divide([None, None], [1, 2], (4, 6))
        assert (regions.masks, regions.of_style) == ((), (None, None))

    def test_styles_without_a_mask_share_what_is_left(self):
        mask = np.zeros((4, 6, 1), np.float32)
        mask[:, :2] = 1
        regions = divide([None, mask, None], [1, 1, 3], (4, 6))
        assert regions.of_style == (0, 1, 0)
        assert regions.fractions == pytest.approx((2 / 3, 1 / 3))
        np.testing.assert_allclose(sum(regions.masks), 1, atol=1e-6)

    def test_what_is_kept_is_no_style_s(self):
        kept = np.zeros((4, 6, 1), np.float32)
        kept[:, :3] = 1
        regions = divide([None], [1], (4, 6), kept)
        assert regions.fractions == pytest.approx((0.5,))

    def test_black_leaves_nothing(self):
        black = np.zeros((4, 6, 1), np.float32)
        assert divide([black], [1], (4, 6)).fractions == (0.0,)


class TestRuns:
    def test_what_no_style_covers_stays_as_it_was(self, folder):
        """But for receptive fields that reach across the border."""
        options = {**OPTIONS["objective"], "tv_weight": 0, "content_weight": 0}
        found = stylized([{"mask": str(folder / "left.png")}], objective=options).image
        photo = resize(load_image(CONTENT), *found.shape[:2])
        changed = np.abs(found - photo).max(axis=(0, 2))
        known = layer("block2_conv1")
        reach = 48 + known.halo + known.stride
        assert changed[:40].min() > 0.01
        assert changed[reach:].max() == 0

    def test_a_style_of_weight_0_is_left_out(self, folder):
        mask = {"mask": str(folder / "left.png")}
        both = stylized([mask, {"mask": str(folder / "right.png"), "weight": 0}])
        np.testing.assert_array_equal(both.image, stylized([mask]).image)

    def test_nor_does_one_begin_with_it(self):
        styles = [{"weight": 0}, {}]
        pictures = [CONTENT, STYLE]
        options = {**OPTIONS, "init": "style"}
        both = tfstyle.stylize(CONTENT, pictures, styles=styles, **options)
        alone = tfstyle.stylize(CONTENT, [STYLE], **options)
        np.testing.assert_array_equal(both.image, alone.image)

    def test_a_white_mask_is_none(self, folder):
        found = stylized([{"mask": str(folder / "white.png")}]).image
        np.testing.assert_allclose(found, stylized([{}]).image, atol=2e-3)

    def test_of_one_pixel_is_painted(self, folder):
        assert np.isfinite(stylized([{"mask": str(folder / "pixel.png")}]).image).all()

    def test_part_of_a_style_is_another_style(self, folder):
        pictures = [
            stylized([{"style_mask": str(folder / f"{side}.png")}]).image
            for side in ("left", "right")
        ]
        assert np.abs(pictures[0] - pictures[1]).mean() > 1e-3

    @pytest.mark.parametrize(
        ("styles", "expected"),
        [
            ([{"mask": "black.png"}], "leave no place to any style"),
            ([{"style_mask": "black.png"}], "styles.0.style_mask is black all over"),
            ([{"style_mask": "speck.png"}], "styles.0.style_mask is so small"),
            ([{"mask": "left.png", "weight": 0}], "the weights of all styles are zero"),
            ([{"mask": "missing.png"}], "missing.png: No such file"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, folder, styles, expected):
        given = [
            {k: str(folder / v) if isinstance(v, str) else v for k, v in each.items()}
            for each in styles
        ]
        with pytest.raises(ValueError, match=expected):
            stylized(given)

    @pytest.mark.parametrize("loss", ["nearest", "sliced_wasserstein"])
    def test_a_loss_over_samples_keeps_to_a_mask(self, folder, loss):
        objective = {**OPTIONS["objective"], "style_loss": loss}
        objective |= {"content_weight": 0, "tv_weight": 0}
        found = stylized([{"mask": str(folder / "left.png")}], objective=objective)
        photo = resize(load_image(CONTENT), *found.image.shape[:2])
        changed = np.abs(found.image - photo).max(axis=(0, 2))
        assert changed[:40].min() > 0
        assert changed[48 + 2 * layer("block2_conv1").halo :].max() < 1e-6
