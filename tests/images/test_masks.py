"""tfstyle.images.masks: how light a picture is, and at which size."""

import numpy as np
import pytest
from PIL import Image

from tfstyle.images import load_mask, resize_mask, save_image


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
