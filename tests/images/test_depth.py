"""tfstyle.images.reading: pictures of more than 8 bits a channel."""

import struct

import numpy as np
import pytest
from picture_files import (
    DEEP,
    assert_valid,
    png_bytes,
    png_chunk,
    refusal,
    tiff_bytes,
)
from PIL import Image

from tfstyle import images


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_keeps_its_precision(tmp_path, suffix):
    fine = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    for pixels in (DEEP, fine):
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}")
        loaded = images.load_image(tmp_path / f"a{suffix}")
        assert_valid(loaded)
        expected = np.repeat(pixels[..., None] / 65535, 3, 2)
        np.testing.assert_allclose(loaded, expected, atol=1e-6)
        assert len(np.unique(loaded)) == pixels.size


def test_32_bit_integers_hold_16_bit_values(tmp_path):
    Image.fromarray(DEEP.astype(np.int32)).save(tmp_path / "a.tif")
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded[..., 1], DEEP / 65535, atol=1e-6)


def test_big_endian_16_bit_tiff(tmp_path):
    image = Image.frombytes("I;16B", DEEP.shape, DEEP.astype(">u2").tobytes())
    image.save(tmp_path / "a.tif")
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded[..., 2], DEEP / 65535, atol=1e-6)


def test_16_bit_tiff_whose_zero_is_white(tmp_path):
    tags = {258: [16], 262: [0], 277: [1]}
    (tmp_path / "a.tif").write_bytes(tiff_bytes((16, 16), DEEP, tags))
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded[..., 0], 1 - DEEP / 65535, atol=1e-6)


def test_12_bit_tiff_is_white_at_4095(tmp_path):
    packed = np.frombuffer(bytes.fromhex("000fff800fff"), np.uint8)  # 0 4095 2048 4095
    tags = {258: [12], 262: [1], 277: [1]}
    (tmp_path / "a.tif").write_bytes(tiff_bytes((4, 1), packed, tags))
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded[0, :, 0], [0, 1, 2048 / 4095, 1], atol=1e-6)


def test_16_bit_color_key_is_transparent(tmp_path):
    key = png_chunk(b"tRNS", struct.pack(">H", int(DEEP[0, 1])))
    (tmp_path / "a.png").write_bytes(png_bytes(DEEP, 0, key))
    loaded = images.load_image(tmp_path / "a.png")
    assert loaded[0, 1].tolist() == [1, 1, 1]
    np.testing.assert_allclose(loaded[0, 2], DEEP[0, 2] / 65535, atol=1e-6)


def test_float_grey(tmp_path):
    values = np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)
    Image.fromarray(values).save(tmp_path / "a.tif")
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded[..., 0], values, atol=1e-6)


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((2, 2), 255, np.float32),
        np.full((2, 2), -0.1, np.float32),
        np.full((2, 2), np.nan, np.float32),
        np.full((2, 2), 65536, np.int32),
    ],
    ids=["float above 1", "float below 0", "nan", "more than 16 bits"],
)
def test_grey_of_unknown_scale_is_refused_not_clipped(tmp_path, pixels):
    path = tmp_path / "a.tif"
    Image.fromarray(pixels).save(path)
    assert "grey values" in refusal(path)


@pytest.mark.parametrize(("channels", "color_type"), [(3, 2), (4, 6)])
def test_16_bit_color_png_keeps_its_upper_8_bits(tmp_path, channels, color_type):
    pixels = np.random.default_rng(4).integers(0, 65536, (8, 9, channels), np.uint16)
    pixels[..., 3:] = 65535
    (tmp_path / "a.png").write_bytes(png_bytes(pixels, color_type))
    loaded = images.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded, (pixels[..., :3] >> 8) / 255, atol=1e-6)
    assert np.abs(loaded - pixels[..., :3] / 65535).max() <= 1 / 255


def test_16_bit_color_tiff_keeps_its_upper_8_bits(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 65536, (8, 9, 3), np.uint16)
    tags = {258: [16, 16, 16], 262: [2], 277: [3]}
    (tmp_path / "a.tif").write_bytes(tiff_bytes((9, 8), pixels, tags))
    loaded = images.load_image(tmp_path / "a.tif")
    np.testing.assert_allclose(loaded, (pixels >> 8) / 255, atol=1e-6)


def test_16_bit_color_planes_are_refused_not_misread(tmp_path):
    planes = np.zeros((3, 8, 9), np.uint16)
    tags = {258: [16, 16, 16], 262: [2], 277: [3], 284: [2]}
    (tmp_path / "a.tif").write_bytes(tiff_bytes((9, 8), planes, tags))
    assert "planes" in refusal(tmp_path / "a.tif")
