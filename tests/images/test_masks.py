"""tfstyle.images.masks: how light a picture is, and at which size."""

import numpy as np
import pytest
from PIL import Image

from tfstyle.images import (
    box_mask,
    color_mask,
    colored,
    feathered,
    grey,
    load_mask,
    oklab,
    resize_mask,
    save_image,
    save_mask,
    snapped,
)


def test_of_a_color_it_is_the_luminance(tmp_path):
    colors = np.array([[[1, 1, 1], [0, 0, 0], [0, 1, 0]]], np.float32)
    save_image(tmp_path / "mask.png", colors)
    found = load_mask(tmp_path / "mask.png")
    assert found.shape == (1, 3, 1)
    np.testing.assert_allclose(found.ravel(), [1, 0, 0.7152], atol=0.5 / 255)
    assert found[0, 0, 0] == 1


def test_transparency_is_ignored(tmp_path):
    pixels = np.zeros((4, 5, 4), np.uint8)
    pixels[:, :2, :3] = 255
    for mode, image in (("LA", pixels[..., [0, 3]]), ("RGBA", pixels)):
        Image.fromarray(image, mode=None).save(tmp_path / f"{mode}.png")
        found = load_mask(tmp_path / f"{mode}.png")
        np.testing.assert_array_equal(found[..., 0], pixels[..., 0] / 255)


def test_is_upright(tmp_path):
    pixels = np.zeros((3, 5), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn
    Image.fromarray(pixels).save(tmp_path / "mask.png", exif=exif)
    found = load_mask(tmp_path / "mask.png")
    assert found.shape == (5, 3, 1)
    assert (found[:, 2] == 1).all()


def test_white_stays_white_and_black_black_at_any_size():
    mask = np.zeros((30, 40, 1), np.float32)
    mask[:, 20:] = 1
    for size in ((30, 40), (11, 16), (50, 70), (30, 30)):
        found = resize_mask(mask, *size)
        assert found.shape == (*size, 1)
        quarter = size[1] // 4
        assert (found[:, :quarter] == 0).all()
        assert (found[:, -quarter:] == 1).all()


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "mask.png").write_text("white")
    with pytest.raises(ValueError, match=r"mask\.png: .*expected a JPEG, PNG"):
        load_mask(tmp_path / "mask.png")


class TestBoxes:
    def test_a_rectangle_is_as_large_as_it_says(self):
        mask = box_mask((40, 60), (0.25, 0.5, 0.75, 1), False)
        assert mask.sum() == 20 * 30
        assert mask[20:, 15:45].all()

    def test_an_ellipse_is_symmetric_and_of_its_area(self):
        mask = box_mask((200, 300), (0, 0, 1, 1), True)[..., 0]
        np.testing.assert_array_equal(mask, mask[::-1, ::-1])
        assert mask.mean() == pytest.approx(np.pi / 4, abs=0.005)

    @pytest.mark.parametrize(
        "box",
        [
            *((0.5, 0, 0.5, 1), (0, 0.7, 1, 0.2), (-0.1, 0, 1, 1), (0, 0, 1, 1.1)),
            *((float("nan"), 0, 1, 1), (0, 0, float("inf"), 1)),
        ],
    )
    def test_one_that_is_empty_or_not_within_is_refused(self, box):
        with pytest.raises(ValueError, match="is empty or not within the picture"):
            box_mask((4, 4), box, False)


class TestColors:
    def test_picks_that_color_alone(self):
        picture = np.zeros((6, 9, 3), np.float32)
        picture[:, :3], picture[:, 3:6] = (0.2, 0.4, 0.8), (0.23, 0.42, 0.78)
        mask = color_mask(picture, (0.2, 0.4, 0.8), 0.1)[..., 0]
        assert (mask[:, :6] == 1).all()
        assert (mask[:, 6:] == 0).all()

    def test_the_distance_is_that_of_oklab(self):
        """Grey 0.5 has a lightness of 0.598 there, the distance to black."""
        picture = np.full((1, 1, 3), 0.5, np.float32)
        mask = color_mask(picture, (0, 0, 0), 0.4)
        np.testing.assert_allclose(mask, 2 - 0.5982 / 0.4, atol=0.5 / 255 + 1e-3)

    def test_fades_with_the_distance(self):
        greys = np.linspace(0, 1, 50, dtype=np.float32)[None, :, None]
        mask = color_mask(np.repeat(greys, 3, -1), (0, 0, 0), 0.2)[0, :, 0]
        assert mask[0] == 1
        assert mask[-1] == 0
        assert (np.diff(mask) <= 0).all()
        assert ((mask > 0) & (mask < 1)).any()


class TestEdges:
    def test_are_as_soft_as_asked(self):
        mask = box_mask((40, 40), (0, 0, 0.5, 1), False)
        np.testing.assert_array_equal(feathered(mask, 0), mask)
        soft = feathered(mask, 6)[20, :, 0]
        assert ((soft >= 0) & (soft <= 1)).all()
        assert (np.diff(soft) <= 0).all()
        assert 6 <= ((soft > 0.02) & (soft < 0.98)).sum() <= 18

    def test_go_to_those_of_the_picture(self):
        picture = np.zeros((60, 60, 3), np.float32)
        picture[:, 33:] = 1  # 3 pixels beside the mask's edge
        mask = box_mask((60, 60), (0, 0, 0.5, 1), False)
        found = snapped(mask, picture, 6)[30, :, 0]
        assert np.argmin(np.diff(found)) == 32
        assert found[32] - found[33] > 3 * (found[29] - found[30])

    def test_are_found_between_colors_as_light_as_each_other(self):
        light = np.full((60, 60, 1), 0.6, np.float32)
        tint = np.zeros((60, 60, 2), np.float32)
        tint[:, :33], tint[:, 33:] = (0.05, -0.05), (-0.05, 0.05)
        picture = colored(light, tint)
        assert np.ptp(grey(picture)) < 1e-3
        mask = box_mask((60, 60), (0, 0, 0.5, 1), False)
        found = snapped(mask, picture, 6)[30, :, 0]
        assert np.argmin(np.diff(found)) == 32

    def test_are_those_of_the_formula(self, random):
        """He, Sun & Tang (2013), with a color guide, written window by window."""
        picture = random.random((9, 8, 3), np.float32)
        mask, radius = random.random((9, 8, 1), np.float32), 2
        guide = oklab(picture).astype(np.float64)

        def window(row, column):
            rows = slice(max(0, row - radius), row + radius + 1)
            return rows, slice(max(0, column - radius), column + radius + 1)

        linear = np.empty((9, 8, 4))
        for at in np.ndindex(9, 8):
            colors, values = (
                guide[window(*at)].reshape(-1, 3),
                mask[window(*at)].ravel(),
            )
            mean, middle = colors.mean(0), values.mean()
            covariance = np.cov(colors.T, bias=True) + 1e-4 * np.eye(3)
            both = (colors * values[:, None]).mean(0) - mean * middle
            slope = np.linalg.solve(covariance, both)
            linear[at] = [*slope, middle - slope @ mean]
        expected = np.empty((9, 8))
        for at in np.ndindex(9, 8):
            *slope, offset = linear[window(*at)].mean((0, 1))
            expected[at] = np.clip(slope @ guide[at] + offset, 0, 1)
        found = snapped(mask, picture, radius)[..., 0]
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_of_masks_that_add_up_to_1_do_so(self, photo, random):
        masks = random.random((*photo.shape[:2], 3), np.float32)
        masks /= masks.sum(-1, keepdims=True)
        np.testing.assert_allclose(snapped(masks, photo).sum(-1), 1, atol=1e-4)

    def test_of_a_white_mask_stay_white(self, photo):
        white = np.ones((*photo.shape[:2], 1), np.float32)
        np.testing.assert_allclose(snapped(white, photo), 1, atol=1e-3)


def test_a_written_mask_is_read_again(tmp_path, random):
    mask = np.rint(random.random((7, 5, 1)) * 255).astype(np.float32) / 255
    save_mask(tmp_path / "mask.png", mask)
    np.testing.assert_allclose(load_mask(tmp_path / "mask.png"), mask, atol=1e-6)
