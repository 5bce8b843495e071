"""tfstyle.images.reading: pictures of every format and mode."""

import os

import numpy as np
import pytest
from picture_files import (
    LOSSLESS,
    PLAIN,
    assert_valid,
    linear_rgb_profile,
    palette_image,
    random_image,
    srgb_curve,
    tiff_bytes,
)
from PIL import Image, ImageCms

from tfstyle import images


def test_the_content_decides_how_a_file_is_read(tmp_path):
    images.save_image(tmp_path / "a.png", random_image())
    os.rename(tmp_path / "a.png", tmp_path / "a.jpg")
    loaded = images.load_image(tmp_path / "a.jpg")
    np.testing.assert_array_equal(loaded, random_image())


def over_white(rgb, alpha):
    return rgb * alpha[..., None] + (1 - alpha[..., None])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_grey_becomes_three_equal_channels(tmp_path, suffix):
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (16, 1))
    Image.fromarray(ramp).save(tmp_path / f"a{suffix}")
    loaded = images.load_image(tmp_path / f"a{suffix}")
    assert_valid(loaded)
    assert np.ptp(loaded, axis=2).max() == 0
    assert np.abs(loaded[..., 0] - ramp / 255).max() < 2.5 / 255


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_bit(tmp_path, suffix):
    bits = np.random.default_rng(1).random((9, 11)) > 0.5
    Image.fromarray(bits).save(tmp_path / f"a{suffix}")
    loaded = images.load_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(loaded, np.repeat(bits[..., None], 3, 2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_with_alpha_over_white(tmp_path, suffix):
    pixels = np.random.default_rng(2).integers(0, 256, (6, 7, 2), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"a{suffix}")
    grey, alpha = (pixels / 255.0)[..., 0], (pixels / 255.0)[..., 1]
    expected = over_white(np.repeat(grey[..., None], 3, 2), alpha)
    loaded = images.load_image(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(loaded, expected, atol=1e-6)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_color_with_alpha_over_white(tmp_path, suffix):
    pixels = np.random.default_rng(3).integers(1, 256, (6, 7, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"a{suffix}", lossless=True)
    expected = over_white(pixels[..., :3] / 255.0, pixels[..., 3] / 255.0)
    loaded = images.load_image(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(loaded, expected, atol=1e-6)


def test_premultiplied_alpha_over_white(tmp_path):
    grey = np.array([[[100, 200], [0, 0]]], np.uint8)
    tags = {258: [8, 8], 262: [1], 277: [2], 338: [1]}
    (tmp_path / "a.tif").write_bytes(tiff_bytes((2, 1), grey, tags))
    loaded = images.load_image(tmp_path / "a.tif")
    expected = [(100 + 255 - 200) / 255, 1.0]
    np.testing.assert_allclose(loaded[0, :, 0], expected, atol=1 / 255)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_palette(tmp_path, suffix):
    palette_image().save(tmp_path / f"a{suffix}")
    loaded = images.load_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(loaded[0], np.eye(3))


def test_palette_with_one_transparent_color(tmp_path):
    palette_image().save(tmp_path / "a.png", transparency=1)
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded[0], [[1, 0, 0], [1, 1, 1], [0, 0, 1]])


def test_palette_with_degrees_of_transparency(tmp_path):
    palette_image().save(tmp_path / "a.png", transparency=bytes([255, 51, 0]))
    loaded = images.load_image(tmp_path / "a.png")
    expected = [[1, 0, 0], [0.8, 1, 0.8], [1, 1, 1]]
    np.testing.assert_allclose(loaded[0], expected, atol=1e-6)


def test_color_key_is_transparent(tmp_path):
    image = Image.fromarray(np.array([[[9, 8, 7], [1, 2, 3]]], np.uint8))
    image.save(tmp_path / "a.png", transparency=(9, 8, 7))
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded[0], [[1, 1, 1], [1 / 255, 2 / 255, 3 / 255]])


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_without_profile(tmp_path, suffix):
    # Flat patches of 16 pixels: white, cyan, yellow, half black, rich black.
    inks = np.array(
        [[0] * 4, [255, 0, 0, 0], [0, 0, 255, 0], [0, 0, 0, 128], [99, 99, 99, 255]]
    )
    pixels = np.repeat(np.repeat(inks[None], 16, 1), 16, 0).astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels, "CMYK").save(
        path, **({"quality": 100} if "j" in suffix else {})
    )
    loaded = images.load_image(path)[8, 8::16]
    expected = (255 - inks[:, :3]) * (255 - inks[:, 3:]) / 255**2
    np.testing.assert_allclose(loaded, expected, atol=2 / 255)


def test_cmyk_jpeg_of_adobe_is_stored_inverted_and_read_right(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(path)
    assert b"Adobe" in path.read_bytes()
    with Image.open(path) as file:
        file.tile = [tile._replace(args=("CMYK", "")) for tile in file.tile]
        assert file.getextrema() == ((255, 255),) * 4  # as stored: 255 is no ink
    assert images.load_image(path).min() == 1


def test_ycbcr_tiff(tmp_path):
    colors = np.array([[[255, 0, 0], [12, 200, 90], [128, 128, 128]]], np.uint8)
    Image.fromarray(colors).convert("YCbCr").save(tmp_path / "a.tif")
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded, colors / 255, atol=2 / 255)


def srgb_from_lab(lightness, a, b):
    """CIE Lab (D50) to sRGB, written out from the definitions."""
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    xyz = xyz * np.array([0.9642, 1.0, 0.8249])
    to_linear = [  # XYZ adapted to D50 (Bradford) to linear sRGB
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    return srgb_curve(np.clip(np.array(to_linear) @ xyz, 0, 1))


def test_lab_tiff(tmp_path):
    colors = [(50, 20, -20), (80, -30, 40), (100, 0, 0), (0, 0, 0)]
    stored = np.array(
        [[round(lightness * 2.55), a % 256, b % 256] for lightness, a, b in colors],
        "u1",
    )
    tags = {258: [8, 8, 8], 262: [8], 277: [3]}
    (tmp_path / "a.tif").write_bytes(tiff_bytes((4, 1), stored, tags))
    expected = [srgb_from_lab(*color) for color in colors]
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded[0], expected, atol=2 / 255)


def test_lab_needs_no_profile(tmp_path):
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    picture = ImageCms.profileToProfile(PLAIN, srgb, lab, outputMode="LAB")
    picture.save(tmp_path / "a.tif", icc_profile=linear_rgb_profile())
    assert images.load_image(tmp_path / "a.tif").max() < 2 / 255


def test_first_frame_of_several(tmp_path):
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "blue")]
    for suffix in LOSSLESS:
        path = tmp_path / f"a{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        expected = np.broadcast_to([1, 0, 0], (4, 5, 3))
        np.testing.assert_array_equal(images.load_image(path), expected)


def test_first_picture_of_a_stereo_jpeg(tmp_path):
    frames = [Image.new("RGB", (16, 16), color) for color in ("white", "black")]
    path = tmp_path / "a.jpg"
    frames[0].save(path, "MPO", save_all=True, append_images=frames[1:])
    assert images.load_image(path).min() > 0.98
