"""tfstyle.images.reading: upright by EXIF, and sRGB by ICC profiles."""

import numpy as np
import pytest
from picture_files import (
    DEEP,
    LINEAR_GREY,
    LOSSLESS,
    SRGB_PRIMARIES,
    assert_valid,
    black_ink_profile,
    linear_rgb_profile,
    random_image,
    smooth_image,
    srgb_curve,
)
from PIL import Image, ImageCms

from tfstyle import images

UPRIGHT = {  # what a viewer does with the stored pixels
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, suffix, orientation):
    stored = random_image(5, 8)
    exif = Image.Exif()
    exif[274] = orientation
    picture = Image.fromarray(images.to_uint8(stored))
    picture.save(tmp_path / f"a{suffix}", exif=exif, lossless=True)
    loaded = images.load_image(tmp_path / f"a{suffix}")
    assert_valid(loaded)
    np.testing.assert_array_equal(loaded, UPRIGHT[orientation](stored))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_a_jpeg(tmp_path, orientation):
    stored = smooth_image()
    exif = Image.Exif()
    exif[274] = orientation
    picture = Image.fromarray(images.to_uint8(stored))
    picture.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    loaded = images.load_image(tmp_path / "a.jpg")
    np.testing.assert_allclose(loaded, UPRIGHT[orientation](stored), atol=4 / 255)


def test_16_bit_grey_is_turned_too(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(DEEP).save(tmp_path / "a.png", exif=exif)
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded[..., 0], np.rot90(DEEP, -1) / 65535, atol=1e-6)


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_meaningless_orientation_is_ignored(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    stored = random_image(5, 8)
    Image.fromarray(images.to_uint8(stored)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png"), stored)


def test_broken_exif_costs_a_warning_not_the_picture(tmp_path):
    stored = random_image(5, 8)
    path = tmp_path / "a.png"
    Image.fromarray(images.to_uint8(stored)).save(path, exif=b"Exif\0\0broken")
    with pytest.warns(UserWarning, match=r"a\.png: ignored the EXIF orientation"):
        loaded = images.load_image(path)
    np.testing.assert_array_equal(loaded, stored)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_rgb_profile_is_converted_to_srgb(tmp_path, suffix):
    stored = random_image()
    path = tmp_path / f"a{suffix}"
    picture = Image.fromarray(images.to_uint8(stored))
    picture.save(path, icc_profile=linear_rgb_profile(), lossless=True)
    loaded = images.load_image(path)
    np.testing.assert_allclose(loaded, srgb_curve(stored), atol=2.5 / 255)
    assert np.abs(loaded - stored).max() > 0.2


def test_profile_with_exchanged_primaries_exchanges_the_channels(tmp_path):
    stored = random_image()
    profile = linear_rgb_profile(SRGB_PRIMARIES[::-1])
    picture = Image.fromarray(images.to_uint8(stored))
    picture.save(tmp_path / "a.png", icc_profile=profile)
    loaded = images.load_image(tmp_path / "a.png")
    expected = srgb_curve(stored[..., ::-1])
    np.testing.assert_allclose(loaded, expected, atol=2.5 / 255)


def test_srgb_profile_changes_nothing(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(images.to_uint8(random_image()))
    picture.save(tmp_path / "a.png", icc_profile=srgb)
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded, random_image(), atol=1.1 / 255)


def test_profile_leaves_transparency_alone(tmp_path):
    pixels = np.full((4, 4, 4), 55, np.uint8)
    pixels[..., 3] = 102
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "a.png", icc_profile=linear_rgb_profile())
    expected = 0.4 * srgb_curve(55 / 255) + 0.6
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded, expected, atol=1 / 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_grey_and_palette_take_an_rgb_profile(tmp_path, mode):
    ramp = Image.fromarray(np.tile(np.arange(0, 256, 5, dtype=np.uint8), (4, 1)))
    picture = ramp.convert(mode)
    expected = srgb_curve(np.asarray(picture.convert("RGB")) / 255)
    picture.save(tmp_path / "a.png", icc_profile=linear_rgb_profile())
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded, expected, atol=2.5 / 255)


def test_grey_profile(tmp_path):
    ramp = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (4, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=LINEAR_GREY)
    loaded = images.load_image(tmp_path / "a.png")
    expected = np.repeat(srgb_curve(ramp / 255)[..., None], 3, 2)
    np.testing.assert_allclose(loaded, expected, atol=2.5 / 255)


def test_grey_profile_keeps_16_bits(tmp_path):
    fine = np.arange(20000, 65536, 64, dtype=np.uint16).reshape(8, -1)
    Image.fromarray(fine).save(tmp_path / "a.tif", icc_profile=LINEAR_GREY)
    loaded = images.load_image(tmp_path / "a.tif")
    expected = srgb_curve(fine / 65535)
    np.testing.assert_allclose(loaded[..., 0], expected, atol=2.5 / 255)
    assert len(np.unique(loaded[..., 0])) > 2 * len(np.unique(fine >> 8))


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_profile(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for inks, expected in (((255, 255, 255, 0), 1.0), ((0, 0, 0, 255), 0.0)):
        picture = Image.new("CMYK", (8, 8), inks)
        picture.save(path, icc_profile=black_ink_profile())
        np.testing.assert_allclose(images.load_image(path), expected, atol=2 / 255)


@pytest.mark.parametrize(
    "profile",
    [b"broken", linear_rgb_profile()[:200], LINEAR_GREY, black_ink_profile()],
    ids=["text", "truncated", "grey", "cmyk"],
)
def test_unusable_profile_costs_a_warning_not_the_picture(tmp_path, profile):
    path = tmp_path / "a.png"
    picture = Image.fromarray(images.to_uint8(random_image()))
    picture.save(path, icc_profile=profile)
    with pytest.warns(UserWarning, match=r"a\.png: ignored the ICC") as caught:
        loaded = images.load_image(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(loaded, random_image())
