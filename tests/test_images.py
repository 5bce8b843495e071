"""tfstyle.images: real files in every format and mode, and as many broken ones."""

import io
import logging
import os
import stat
import struct
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from tfstyle import images
from tfstyle.config.schema import StyleConfig
from tfstyle.images import arrays, metadata

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
LOSSLESS = (".png", ".webp", ".tif")
PLAIN = Image.new("RGB", (4, 4))


def random_image(height=13, width=17, seed=0):
    """8-bit noise, as exact floats."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return (values / 255).astype(np.float32)


def smooth_image(height=24, width=32):
    """Ramps that survive JPEG."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y / height, x / width, 0.5 + 0 * x], axis=-1).astype(np.float32)


def over_white(rgb, alpha):
    return rgb * alpha[..., None] + (1 - alpha[..., None])


def assert_valid(image):
    assert image.dtype == np.float32
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.c_contiguous
    assert image.min() >= 0
    assert image.max() <= 1


def png_chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_bytes(pixels, color_type, *extra):
    """A PNG written by hand: uint8 or uint16 pixels, (height, width[, channels])."""
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder(">"))
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(extra)
        + png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r.tobytes() for r in rows)))
        + png_chunk(b"IEND", b"")
    )


def tiff_bytes(size, samples, tags):
    """An uncompressed TIFF written by hand: `samples` in file order, {tag: numbers}."""
    data = np.ascontiguousarray(samples).tobytes()
    tags = {256: [size[0]], 257: [size[1]], 259: [1], 278: [size[1]], **tags}
    planes = tags[277][0] if tags.get(284) == [2] else 1
    tags[279] = [len(data) // planes] * planes
    start = 8 + len(data)  # the tables follow the pixels
    tags[273] = [8 + plane * len(data) // planes for plane in range(planes)]
    entries, overflow = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            position = start + 2 + 12 * len(tags) + 4 + len(overflow)
            overflow, packed = overflow + packed, struct.pack("<I", position)
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    head = b"II*\0" + struct.pack("<I", start)
    return head + data + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + overflow


# --- Round trips ---


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_round_trip_is_exact(tmp_path, suffix):
    image = random_image()
    images.save_image(tmp_path / f"a{suffix}", image)
    loaded = images.load_image(tmp_path / f"a{suffix}")
    assert_valid(loaded)
    np.testing.assert_array_equal(loaded, image)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_keeps_a_smooth_picture(tmp_path, suffix):
    image = smooth_image()
    path = str(tmp_path / f"A{suffix.upper()}")
    images.save_image(path, image)
    loaded = images.load_image(path)
    assert_valid(loaded)
    assert np.abs(loaded - image).max() < 4 / 255


def test_the_suffix_decides_the_format(tmp_path):
    formats = {}
    for suffix in SUFFIXES:
        images.save_image(tmp_path / f"a{suffix}", smooth_image())
        with Image.open(tmp_path / f"a{suffix}") as file:
            formats[suffix] = file.format
    expected = ("PNG", "JPEG", "JPEG", "WEBP", "TIFF", "TIFF")
    assert formats == dict(zip(SUFFIXES, expected, strict=True))


def test_jpeg_keeps_full_color_resolution(tmp_path):
    images.save_image(tmp_path / "a.jpg", smooth_image())
    with Image.open(tmp_path / "a.jpg") as file:
        assert {layer[1:3] for layer in file.layer} == {(1, 1)}


def test_the_content_decides_how_a_file_is_read(tmp_path):
    images.save_image(tmp_path / "a.png", random_image())
    os.rename(tmp_path / "a.png", tmp_path / "a.jpg")
    loaded = images.load_image(tmp_path / "a.jpg")
    np.testing.assert_array_equal(loaded, random_image())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_image_gives_same_bytes(tmp_path, suffix):
    for name in ("a", "b"):
        images.save_image(tmp_path / f"{name}{suffix}", random_image(), {"k": "v"})
    first, second = (tmp_path / f"{name}{suffix}" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_saving_replaces_and_leaves_one_readable_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    images.save_image(path, random_image())
    assert os.listdir(tmp_path) == ["a.png"]
    np.testing.assert_array_equal(images.load_image(path), random_image())
    (tmp_path / "plain").write_bytes(b"")
    modes = {stat.S_IMODE(os.stat(file).st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1  # as private as any file of this user, not more


# --- Modes ---


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


def palette_image():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    return image


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


def srgb_curve(linear):
    return np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )


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


# --- More than 8 bits ---


DEEP = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)


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


# --- Orientation and color ---


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


def icc_profile(space, tags, connection=b"XYZ "):
    """An ICC profile of version 2: {tag: body}, laid out as the standard has it."""
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        offset = 128 + 4 + 12 * len(tags) + len(bodies)
        table += struct.pack(">4sII", name, offset, len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    size = 128 + len(table) + len(bodies)
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 2 << 24, kind, space, connection)
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + white
    return head.ljust(128, b"\0") + table + bodies


def icc_xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in values))


ICC_WHITE = {b"wtpt": icc_xyz(0.9642, 1.0, 0.8249)}
ICC_LINEAR = b"curv\0\0\0\0" + struct.pack(">I", 0)  # no entries: the identity
SRGB_PRIMARIES = (
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7141),
)


def linear_rgb_profile(primaries=SRGB_PRIMARIES):
    tags = dict(ICC_WHITE)
    for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags[letter + b"XYZ"] = icc_xyz(*primary)
        tags[letter + b"TRC"] = ICC_LINEAR
    return icc_profile(b"RGB ", tags)


LINEAR_GREY = icc_profile(b"GRAY", {**ICC_WHITE, b"kTRC": ICC_LINEAR})


def black_ink_profile():
    """CMYK whose lightness falls with black and does not care for the other inks."""
    table = [255 if not node & 1 else 0 for node in range(16)]  # black varies fastest
    lab = b"".join(bytes([lightness, 128, 128]) for lightness in table)
    straight = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    lut += struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    lut += straight * 4 + lab + straight * 3
    return icc_profile(b"CMYK", {**ICC_WHITE, b"A2B0": lut}, b"Lab ")


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


# --- Rounding ---


def test_rounds_to_nearest():
    below, above = np.float32(0.499 / 255), np.float32(0.501 / 255)
    values = [0, below, above, 0.999, 254.499 / 255, 254.501 / 255, 1]
    expected = [0, 0, 1, 255, 254, 255, 255]
    assert images.to_uint8(np.array(values, np.float32)).tolist() == expected


def test_every_8_bit_level_survives():
    levels = np.arange(256, dtype=np.uint8)
    for dtype in (np.float16, np.float32, np.float64):
        result = images.to_uint8((levels / 255).astype(dtype))
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, levels)


def test_clips_what_lies_outside():
    values = np.array([-1e30, -0.1, 1.1, 300.0], np.float32)
    assert images.to_uint8(values).tolist() == [0, 0, 255, 255]


def test_saved_pixels_are_the_rounded_ones(tmp_path):
    image = np.random.default_rng(6).uniform(-0.2, 1.2, (9, 8, 3)).astype(np.float32)
    images.save_image(tmp_path / "a.png", image)
    stored = np.asarray(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(stored, np.floor(np.clip(image, 0, 1) * 255 + 0.5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        images.to_uint8(np.array([0.5, value]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_pixels_that_are_not_floats_are_refused(dtype):
    pixels = np.ones((2, 2, 3), dtype)
    with pytest.raises(ValueError, match="expected floats in"):
        images.to_uint8(pixels)
    with pytest.raises(ValueError, match="expected floats in"):
        images.resize(pixels, 1, 1)


# --- Text ---


def test_png_text_round_trip(tmp_path):
    text = {
        "config": "size: 512\nstyles: [a.png]\n",
        "title": "Sternennacht, 星月夜 🌌",
        "latin": "Größe ½",
        "empty": "",
        "long": "x" * 200_000,
    }
    images.save_image(tmp_path / "a.png", random_image(), text)
    assert images.load_text(tmp_path / "a.png") == text
    assert {type(value) for value in images.load_text(tmp_path / "a.png").values()} == {
        str
    }
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png"), random_image())


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != ".png"])
def test_other_formats_drop_the_text(tmp_path, suffix):
    images.save_image(tmp_path / f"a{suffix}", random_image(), {"key": "value"})
    assert images.load_text(tmp_path / f"a{suffix}") == {}


def test_text_after_the_pixels_is_found(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add(b"tEXt", b"late\0found", after_idat=True)
    PLAIN.save(tmp_path / "a.png", pnginfo=info)
    assert images.load_text(tmp_path / "a.png") == {"late": "found"}


@pytest.mark.parametrize("key", ["", "k" * 80, "星"])
def test_text_key_that_png_cannot_hold(tmp_path, key):
    with pytest.raises(ValueError, match=r"Cannot save .*a\.png"):
        images.save_image(tmp_path / "a.png", random_image(), {key: "value"})
    assert os.listdir(tmp_path) == []


# --- Sizes ---


@pytest.mark.parametrize(
    ("height", "width", "long_side", "expected"),
    [
        (100, 200, 50, (25, 50)),
        (200, 100, 50, (50, 25)),
        (7, 7, 512, (512, 512)),
        (480, 640, 512, (384, 512)),
        (3, 2, 5, (5, 3)),  # 3.33
        (2, 4, 5, (3, 5)),  # 2.5 goes up
        (2, 4, 1, (1, 1)),
        (1, 10_000, 100, (1, 100)),  # 0.01
        (333, 1000, 1000, (333, 1000)),
    ],
)
def test_fit_size(height, width, long_side, expected):
    assert images.fit_size(height, width, long_side) == expected


def test_fit_size_keeps_the_ratio_to_half_a_pixel():
    rng = np.random.default_rng(7)
    for height, width, long_side in rng.integers(1, 3000, (200, 3)).tolist():
        size = images.fit_size(height, width, long_side)
        assert max(size) == long_side
        exact = min(height, width) * long_side / max(height, width)
        assert abs(min(size) - max(exact, 1)) <= 0.5 + 1e-9


@pytest.mark.parametrize("arguments", [(0, 5, 5), (5, -1, 5), (5, 5, 0)])
def test_fit_size_refuses_less_than_a_pixel(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        images.fit_size(*arguments)


def lanczos_matrix(source, target):
    """Rows of antialiased Lanczos-3 weights, one axis, written from the definition."""
    scale = max(source / target, 1.0)
    centers = (np.arange(target) + 0.5) * source / target
    distance = (np.arange(source) + 0.5 - centers[:, None]) / scale
    weights = np.where(
        np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0
    )
    return weights / weights.sum(axis=1, keepdims=True)


def bicubic_matrix(source, target):
    """Rows of cubic weights (a = -1/2) for enlarging, one axis."""
    centers = (np.arange(target) + 0.5) * source / target
    d = np.abs(np.arange(source) + 0.5 - centers[:, None])
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    weights = np.where(d < 1, near, np.where(d < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((9, 7), lanczos_matrix), ((20, 29), lanczos_matrix), ((64, 70), bicubic_matrix)],
)
def test_resize_is_the_textbook_filter(size, matrix):
    image = 0.3 + 0.4 * random_image(20, 30)  # no overshoot reaches the clipping
    vertical, horizontal = matrix(20, size[0]), matrix(30, size[1])
    expected = np.einsum("ij,jkc,lk->ilc", vertical, image, horizontal)
    resized = images.resize(image, *size)
    assert_valid(resized)
    np.testing.assert_allclose(resized, expected, atol=2e-6)


def test_shrunk_ramp_is_the_box_average():
    ramp = smooth_image(96, 128)
    boxes = ramp.reshape(24, 4, 32, 4, 3).mean(axis=(1, 3))
    inner = (slice(3, -3), slice(3, -3))  # where the filter sees no border
    shrunk = images.resize(ramp, 24, 32)
    np.testing.assert_allclose(shrunk[inner], boxes[inner], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (13, 40), (40, 9), (33, 50)])
@pytest.mark.parametrize("value", [0.0, 0.123456, 1.0])
def test_constant_stays_constant(size, value):
    image = np.full((13, 17, 3), value, np.float32)
    resized = images.resize(image, *size)
    assert resized.shape == (*size, 3)
    np.testing.assert_allclose(resized, value, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 24), (8, 6), (128, 96)])
def test_mean_is_kept(size):
    image = random_image(64, 48)
    resized = images.resize(image, *size)
    np.testing.assert_allclose(resized.mean((0, 1)), image.mean((0, 1)), atol=0.01)


def test_fine_checkerboard_shrinks_to_grey():
    y, x = np.mgrid[0:64, 0:64]
    board = np.repeat(((x + y) % 2)[..., None], 3, 2).astype(np.float32)
    np.testing.assert_allclose(images.resize(board, 16, 16), 0.5, atol=0.005)


def test_resize_does_not_round_to_8_bits():
    ramp = np.linspace(0.5, 0.51, 64, dtype=np.float32)
    image = np.broadcast_to(ramp[None, :, None], (8, 64, 3))
    for width in (48, 96):
        assert len(np.unique(images.resize(image, 8, width)[0, :, 0])) > 40


def test_resize_stays_in_range_at_sharp_edges():
    edge = np.zeros((16, 16, 3), np.float32)
    edge[:, 8:] = 1
    for size in ((11, 11), (50, 50)):
        assert_valid(images.resize(edge, *size))


def test_same_size_is_a_copy():
    image = random_image()
    resized = images.resize(image, *image.shape[:2])
    np.testing.assert_array_equal(resized, image)
    assert not np.shares_memory(resized, image)


def test_resize_takes_any_number_of_channels():
    assert images.resize(random_image()[..., :1], 5, 4).shape == (5, 4, 1)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((4, 4), (2, 2)),
        ((1, 4, 4, 3), (2, 2)),
        ((4, 4, 3), (0, 2)),
        ((0, 4, 3), (2, 2)),
    ],
)
def test_resize_refuses_other_shapes(shape, size):
    with pytest.raises(ValueError, match="expected"):
        images.resize(np.zeros(shape, np.float32), *size)


# --- What a result keeps of the content picture ---


NOTHING = images.Metadata()
DATE, ORIGINAL = "2024:02:29 12:34:56", "2023:01:02 03:04:05"


def result_of(path, tmp_path, image=None, **options):
    """Save a result with what the picture at `path` gives it; return its path."""
    keep = images.load_metadata(path, **options)
    image = random_image(20, 30, seed=9) if image is None else image
    images.save_image(tmp_path / "result.png", image, {"key": "value"}, keep)
    assert images.load_text(tmp_path / "result.png")["key"] == "value"
    return tmp_path / "result.png"


def deep_pixels(path):
    """Decode a PNG of 16 bits per channel by hand, whose rows have filter 1."""
    data, start, packed = path.read_bytes(), 8, b""
    while start < len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        chunk = data[start + 8 : start + 8 + size]
        assert png_chunk(kind, chunk) == data[start : start + 12 + size]
        start += 12 + size
        packed += chunk if kind == b"IDAT" else b""
        if kind == b"IHDR":
            width, height, depth, color_type = struct.unpack_from(">IIBB", chunk)
    channels = {2: 3, 6: 4}[color_type]
    assert depth == 16
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 1).all()
    sums = np.cumsum(rows[:, 1:].reshape(height, width, -1), axis=1, dtype=np.uint8)
    return np.ascontiguousarray(sums).view(">u2").reshape(height, width, channels)


def full_exif():
    exif = Image.Exif()
    exif[270], exif[306], exif[274], exif[271] = "Zürich".encode(), DATE, 6, "Maker"
    exif[0x8769] = {36867: ORIGINAL, 37500: b"maker's notes"}
    exif[0x8825] = {1: "N", 2: (47.0, 22.0, 30.0)}
    return exif.tobytes()


class TestMetadata:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_plain_picture_has_none(self, tmp_path, suffix):
        images.save_image(tmp_path / f"a{suffix}", random_image())
        assert images.load_metadata(tmp_path / f"a{suffix}") == NOTHING

    def test_without_them_the_file_is_as_pillow_writes_it(self, tmp_path):
        buffer = io.BytesIO()
        picture = Image.fromarray(images.to_uint8(random_image()))
        picture.save(buffer, "PNG", pnginfo=PngImagePlugin.PngInfo())
        for keep in (None, NOTHING):
            images.save_image(tmp_path / "a.png", random_image(), keep=keep)
            assert (tmp_path / "a.png").read_bytes() == buffer.getvalue()

    @pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != ".png"])
    def test_other_formats_drop_them(self, tmp_path, suffix):
        alpha = np.zeros((3, 3), np.uint8)
        keep = images.Metadata(alpha, linear_rgb_profile(), b"Exif", (9, 9), True)
        for name, kept in (("a", keep), ("b", None)):
            images.save_image(tmp_path / f"{name}{suffix}", random_image(), keep=kept)
        first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()

    def test_refuses_what_load_image_refuses(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"text")
        refusal(tmp_path / "a.png", images.load_metadata)
        refusal(tmp_path / "none.png", images.load_metadata)

    def test_all_of_them_at_once(self, tmp_path):
        pixels = np.random.default_rng(4).integers(0, 65536, (20, 30, 4), np.uint16)
        exif = full_exif().removeprefix(b"Exif\0\0")
        resolution = png_chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1))
        (tmp_path / "a.png").write_bytes(
            png_bytes(pixels, 6, resolution, png_chunk(b"eXIf", exif))
        )
        image = random_image(30, 20)  # it stands on its side
        path = result_of(tmp_path / "a.png", tmp_path, image)
        stored = deep_pixels(path)
        np.testing.assert_array_equal(stored[..., :3], np.rint(image * 65535))
        alpha = np.rot90(pixels[..., 3] >> 8, -1)
        np.testing.assert_array_equal(stored[..., 3], alpha * 257)
        with Image.open(path) as file:
            assert file.getexif()[306] == DATE
            np.testing.assert_allclose(file.info["dpi"], (150, 300), rtol=1e-3)


class TestAlpha:
    @pytest.mark.parametrize("suffix", LOSSLESS)
    def test_is_that_of_the_content_under_the_styled_color(self, tmp_path, suffix):
        pixels = np.random.default_rng(3).integers(1, 256, (20, 30, 4), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}", lossless=True)
        image = random_image(20, 30)
        with Image.open(result_of(tmp_path / f"a{suffix}", tmp_path, image)) as file:
            assert file.mode == "RGBA"
            stored = np.asarray(file)
        np.testing.assert_array_equal(stored[..., 3], pixels[..., 3])
        np.testing.assert_array_equal(stored[..., :3], images.to_uint8(image))

    @pytest.mark.parametrize("size", [(10, 15), (33, 50)])
    def test_has_the_result_s_size(self, tmp_path, size):
        alpha = smooth_image(20, 30)[..., 0]
        pixels = np.dstack([random_image(20, 30), alpha])
        Image.fromarray(images.to_uint8(pixels)).save(tmp_path / "a.png")
        path = result_of(tmp_path / "a.png", tmp_path, random_image(*size))
        with Image.open(path) as file:
            stored = np.asarray(file.getchannel("A")) / 255
        expected = images.resize(alpha[..., None], *size)[..., 0]
        np.testing.assert_allclose(stored, expected, atol=1.1 / 255)

    def test_an_opaque_one_is_dropped(self, tmp_path):
        Image.new("RGBA", (30, 20), "red").save(tmp_path / "a.png")
        assert images.load_metadata(tmp_path / "a.png") == NOTHING

    def test_stands_upright(self, tmp_path):
        exif = Image.Exif()
        exif[274] = 6
        pixels = np.random.default_rng(3).integers(0, 256, (5, 8, 4), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
        alpha = images.load_metadata(tmp_path / "a.png").alpha
        np.testing.assert_array_equal(alpha, np.rot90(pixels[..., 3], -1))

    def test_of_a_palette(self, tmp_path):
        palette_image().save(tmp_path / "a.png", transparency=bytes([255, 51, 0]))
        alpha = images.load_metadata(tmp_path / "a.png").alpha
        assert alpha.tolist() == [[255, 51, 0]]

    def test_of_a_color_key(self, tmp_path):
        image = Image.fromarray(np.array([[[9, 8, 7], [1, 2, 3]]], np.uint8))
        image.save(tmp_path / "a.png", transparency=(9, 8, 7))
        assert images.load_metadata(tmp_path / "a.png").alpha.tolist() == [[0, 255]]

    def test_of_a_16_bit_color_key(self, tmp_path):
        key = png_chunk(b"tRNS", struct.pack(">H", int(DEEP[0, 1])))
        (tmp_path / "a.png").write_bytes(png_bytes(DEEP, 0, key))
        alpha = images.load_metadata(tmp_path / "a.png").alpha
        np.testing.assert_array_equal(alpha, 255 * (DEEP[0, 1] != DEEP))

    def test_premultiplied(self, tmp_path):
        grey = np.array([[[100, 200], [0, 0]]], np.uint8)
        tags = {258: [8, 8], 262: [1], 277: [2], 338: [1]}
        (tmp_path / "a.tif").write_bytes(tiff_bytes((2, 1), grey, tags))
        assert images.load_metadata(tmp_path / "a.tif").alpha.tolist() == [[200, 0]]


class TestDepth:
    @pytest.mark.parametrize(("channels", "color_type"), [(3, 2), (4, 6), (2, 4)])
    def test_of_a_16_bit_png(self, tmp_path, channels, color_type):
        pixels = np.full((8, 9, channels), 65535, np.uint16)
        (tmp_path / "a.png").write_bytes(png_bytes(pixels, color_type))
        assert images.load_metadata(tmp_path / "a.png") == images.Metadata(deep=True)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_of_16_bit_grey(self, tmp_path, suffix):
        Image.fromarray(DEEP).save(tmp_path / f"a{suffix}")
        assert images.load_metadata(tmp_path / f"a{suffix}").deep

    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_of_a_16_bit_tiff(self, tmp_path, compression):
        pixels = np.zeros((8, 9, 3), np.uint16)
        tifffile = pytest.importorskip("tifffile")
        tifffile.imwrite(
            tmp_path / "a.tif", pixels, photometric="rgb", compression=compression
        )
        assert images.load_metadata(tmp_path / "a.tif").deep

    def test_of_a_16_bit_tiff_written_by_hand(self, tmp_path):
        pixels = np.zeros((8, 9, 3), np.uint16)
        tags = {258: [16, 16, 16], 262: [2], 277: [3]}
        (tmp_path / "a.tif").write_bytes(tiff_bytes((9, 8), pixels, tags))
        assert images.load_metadata(tmp_path / "a.tif").deep

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
    def test_of_8_bits(self, tmp_path, mode):
        PLAIN.convert(mode).save(tmp_path / "a.tif")
        assert not images.load_metadata(tmp_path / "a.tif").deep

    @pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (13, 17)])
    @pytest.mark.parametrize("strip", [1, 100, 1 << 20])
    def test_is_written_exactly(self, tmp_path, monkeypatch, shape, strip):
        monkeypatch.setattr(arrays, "STRIP", strip)
        rng = np.random.default_rng(5)
        image = rng.uniform(-0.2, 1.2, (*shape, 3)).astype(np.float32)
        images.save_image(tmp_path / "a.png", image, keep=images.Metadata(deep=True))
        expected = np.floor(np.clip(image, 0, 1) * np.float32(65535) + 0.5)
        np.testing.assert_array_equal(deep_pixels(tmp_path / "a.png"), expected)

    @pytest.mark.parametrize("alpha", [None, np.full((13, 17), 51, np.uint8)])
    def test_is_read_by_pillow(self, tmp_path, alpha):
        keep = images.Metadata(alpha, deep=True)
        images.save_image(tmp_path / "a.png", random_image(), {"k": "星"}, keep)
        assert images.load_text(tmp_path / "a.png") == {"k": "星"}
        with Image.open(tmp_path / "a.png") as file:
            file.load()
            assert file.mode == ("RGB" if alpha is None else "RGBA")
            stored = np.asarray(file)
        np.testing.assert_array_equal(stored[..., :3], images.to_uint8(random_image()))
        assert (stored[..., 3:] == 51).all()

    def test_of_a_diverged_image(self, tmp_path):
        image = random_image()
        image[-1, -1, -1] = np.nan
        with pytest.raises(ValueError, match=r"a\.png: Got NaN"):
            images.save_image(
                tmp_path / "a.png", image, keep=images.Metadata(deep=True)
            )
        assert os.listdir(tmp_path) == []


class TestProfile:
    @pytest.fixture
    def picture(self, tmp_path):
        """Write a picture with a profile and return its path."""

        def write(profile, pixels=None):
            pixels = images.to_uint8(random_image()) if pixels is None else pixels
            Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile)
            return tmp_path / "a.png"

        return write

    def test_is_dropped_unless_asked_for(self, picture, tmp_path):
        with Image.open(result_of(picture(linear_rgb_profile()), tmp_path)) as file:
            assert "icc_profile" not in file.info

    def test_is_embedded_and_the_colors_converted(self, picture, tmp_path):
        image = random_image()
        path = picture(linear_rgb_profile(SRGB_PRIMARIES[::-1]))
        path = result_of(path, tmp_path, image, profile="content")
        with Image.open(path) as file:
            assert file.info["icc_profile"] == linear_rgb_profile(SRGB_PRIMARIES[::-1])
            stored = np.asarray(file) / 255
        np.testing.assert_allclose(srgb_curve(stored[..., ::-1]), image, atol=0.05)
        light = image > 0.3  # where 8 bits of linear light are enough
        loaded = images.load_image(path)
        np.testing.assert_allclose(loaded[light], image[light], atol=3 / 255)

    def test_leaves_transparency_alone(self, picture, tmp_path):
        pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 4), np.uint8)
        path = picture(linear_rgb_profile(), pixels)
        with Image.open(result_of(path, tmp_path, profile="content")) as file:
            stored = np.asarray(file)
        np.testing.assert_array_equal(stored[..., 3], pixels[..., 3])

    def test_is_applied_in_8_bits(self, tmp_path):
        keep = images.Metadata(profile=linear_rgb_profile(), deep=True)
        images.save_image(tmp_path / "a.png", random_image(), keep=keep)
        assert (tmp_path / "a.png").read_bytes()[24] == 8

    @pytest.mark.parametrize(
        ("profile", "reason"),
        [
            (b"broken", "cannot open profile"),
            (linear_rgb_profile()[:200], "cannot open profile|build transform"),
            (LINEAR_GREY, "it is for GRAY, not for RGB"),
            (black_ink_profile(), "it is for CMYK, not for RGB"),
        ],
        ids=["text", "truncated", "grey", "cmyk"],
    )
    def test_an_unusable_one_costs_a_warning(self, picture, tmp_path, profile, reason):
        path = picture(profile)
        with pytest.warns(UserWarning, match=r"a\.png: cannot keep its ICC") as caught:
            keep = images.load_metadata(path, "content")
        assert keep == NOTHING
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert caught[0].message.args[0].isprintable()
        with pytest.warns(UserWarning, match=reason):
            images.load_metadata(path, "content")


class TestExif:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_keeps_date_and_description(self, tmp_path, suffix):
        PLAIN.save(tmp_path / f"a{suffix}", exif=full_exif())
        with Image.open(result_of(tmp_path / f"a{suffix}", tmp_path)) as file:
            exif = file.getexif()
            assert exif[306] == DATE
            description = exif[270].encode("latin-1").decode()
            # Pillow itself writes no such letters into a TIFF.
            assert description == ("Z??rich" if "tif" in suffix else "Zürich")
            assert exif[274] == 1
            assert exif.get_ifd(0x8769) == {36867: ORIGINAL}
            assert set(exif) == {270, 306, 274, 0x8769}

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_keeps_the_place_only_if_asked_to(self, tmp_path, suffix):
        PLAIN.save(tmp_path / f"a{suffix}", exif=full_exif())
        for location, expected in ((False, {}), (True, {1: "N", 2: (47, 22, 30)})):
            path = result_of(tmp_path / f"a{suffix}", tmp_path, location=location)
            with Image.open(path) as file:
                assert file.getexif().get_ifd(0x8825) == expected

    def test_of_a_deep_result(self, tmp_path):
        Image.fromarray(DEEP).save(tmp_path / "a.png", exif=full_exif())
        with Image.open(result_of(tmp_path / "a.png", tmp_path)) as file:
            assert file.getexif()[306] == DATE
            assert file.getexif().get_ifd(0x8769)[36867] == ORIGINAL

    def test_an_orientation_alone_is_not_worth_a_block(self, tmp_path):
        exif = Image.Exif()
        exif[274] = 6
        PLAIN.save(tmp_path / "a.png", exif=exif)
        assert images.load_metadata(tmp_path / "a.png") == NOTHING

    @pytest.mark.parametrize(
        "block", [b"broken", full_exif()[6:40], b"II*\0\xff\xff\xff\xff"]
    )
    def test_a_damaged_block_is_dropped_in_silence(self, tmp_path, block):
        PLAIN.save(tmp_path / "a.png", exif=b"Exif\0\0" + block)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert images.load_metadata(tmp_path / "a.png", location=True) == NOTHING

    def test_damage_anywhere_never_fails_a_run(self, tmp_path):
        rng = np.random.default_rng(6)
        whole = full_exif()
        for _ in range(150):
            block = bytearray(whole)
            for position in rng.integers(6, len(block), 3):
                block[position] = rng.integers(256)
            PLAIN.save(tmp_path / "a.png", exif=bytes(block))
            result_of(tmp_path / "a.png", tmp_path, location=True)


class TestResolution:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
    def test_is_kept(self, tmp_path, suffix):
        PLAIN.save(tmp_path / f"a{suffix}", dpi=(300, 300))
        with Image.open(result_of(tmp_path / f"a{suffix}", tmp_path)) as file:
            np.testing.assert_allclose(file.info["dpi"], (300, 300), rtol=1e-4)

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
    @pytest.mark.parametrize("orientation", [1, 3, 6, 8])
    def test_turns_with_the_picture(self, tmp_path, suffix, orientation):
        exif = Image.Exif()
        exif[274] = orientation
        Image.new("RGB", (30, 20)).save(
            tmp_path / f"a{suffix}", dpi=(200, 100), exif=exif
        )
        dpi = images.load_metadata(tmp_path / f"a{suffix}").dpi
        expected = (200, 100) if orientation < 5 else (100, 200)
        np.testing.assert_allclose(dpi, expected, rtol=1e-3)

    @pytest.mark.parametrize(
        "dpi", [(0, 0), (-1, 72), (72, float("inf")), (float("nan"), 72), 72, (1,), ()]
    )
    def test_one_without_sense_is_dropped(self, dpi):
        PLAIN.info["dpi"] = dpi
        try:
            assert metadata._kept_dpi(PLAIN) is None
        finally:
            del PLAIN.info["dpi"]


# --- Memory ---


def most_memory(call):
    """Return what a call allocates at its peak, in bytes, without Pillow's own."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SIDE = 1500


@pytest.fixture(scope="module")
def large():
    return np.full((SIDE, SIDE, 3), 0.5, np.float32)


class TestMemory:
    def test_of_rounding_is_the_result_and_a_strip(self, large):
        most = most_memory(lambda: images.to_uint8(large))
        assert most < 3 * SIDE**2 + 4 * 4 * arrays.STRIP

    def test_of_resizing_is_the_result_and_a_few_channels(self, large):
        size = SIDE - 4, SIDE - 4
        most = most_memory(lambda: images.resize(large, *size))
        assert most < (12 + 3 * 4) * SIDE**2

    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    def test_of_reading_is_the_result_and_few_bytes_more(self, tmp_path, mode):
        size = (SIDE, SIDE)
        Image.new(mode, size, (9, 9, 9, 9)[: len(mode)]).save(tmp_path / "a.png")
        most = most_memory(lambda: images.load_image(tmp_path / "a.png"))
        assert most < (12 + 8) * SIDE**2

    def test_of_writing_16_bits_is_the_file_and_a_strip(self, large, tmp_path):
        keep = images.Metadata(deep=True)
        path = tmp_path / "a.png"
        most = most_memory(lambda: images.save_image(path, large, keep=keep))
        assert most < path.stat().st_size * 2 + 8 * 4 * arrays.STRIP


@pytest.mark.parametrize("strip", [1, 50, 1 << 20])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0, 2), (5, 6, 3), (2, 3, 4, 5)])
def test_strips_change_no_value(monkeypatch, strip, shape):
    monkeypatch.setattr(arrays, "STRIP", strip)
    values = np.random.default_rng(8).uniform(-0.2, 1.2, shape)
    expected = np.rint(np.clip(np.float32(values), 0, 1) * np.float32(255))
    levels = images.to_uint8(values)
    assert levels.shape == shape
    np.testing.assert_array_equal(levels, expected)


# --- Files that cannot be read ---


def refusal(path, load=images.load_image):
    """The one-line message with which a file is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Cannot read") as caught:
            load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "expected" in message
    return message


@pytest.mark.parametrize("load", [images.load_image, images.load_text])
def test_missing_file(tmp_path, load):
    assert "No such file" in refusal(tmp_path / "none.jpg", load)


def test_folder(tmp_path):
    assert "directory" in refusal(tmp_path)


def test_path_through_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert "directory" in refusal(tmp_path / "a" / "b.png")


def test_file_without_permission(tmp_path, monkeypatch):
    def denied(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "Permission denied" in refusal(tmp_path / "a.png")


def test_empty_file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    assert "it is empty" in refusal(tmp_path / "a.png")


def test_text_named_jpg(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture")
    assert "another kind" in refusal(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM", "TGA", "ICO"])
def test_other_formats_are_refused(tmp_path, kind):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png", kind)
    assert "another kind" in refusal(tmp_path / "a.png")


def test_line_breaks_in_a_path_stay_out_of_the_message(tmp_path):
    with pytest.raises(ValueError, match=r"two lines\.png") as caught:
        images.load_image(tmp_path / "two\nlines.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    images.save_image(path, random_image(40, 40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("factor", [1.001, 1.5, 3])
def test_too_large_a_picture_is_refused_undecoded(
    tmp_path, monkeypatch, factor, suffix
):
    path = tmp_path / f"a{suffix}"
    images.save_image(path, random_image(30, 30))
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    limit = 900e-6 / factor
    for load in (images.load_image, images.load_metadata):
        message = refusal(path, lambda path: load(path, max_megapixels=limit))  # noqa: B023
        assert f"it has 0.0009 megapixels; expected at most {limit:g}:" in message
        assert "raise memory.max_megapixels" in message


@pytest.mark.parametrize("limit", [900e-6, 1, 4000])
def test_a_raised_limit_lets_pictures_through(tmp_path, monkeypatch, limit):
    images.save_image(tmp_path / "a.png", random_image(30, 30))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    loaded = images.load_image(tmp_path / "a.png", limit)
    np.testing.assert_array_equal(loaded, random_image(30, 30))
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_small_file_may_claim_to_be_huge(tmp_path):
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")
    (tmp_path / "a.png").write_bytes(data)
    message = refusal(tmp_path / "a.png")
    assert "it has 10000 megapixels; expected at most 89: make it smaller" in message


def test_the_default_limit_is_the_config_s():
    assert StyleConfig().memory.max_megapixels == images.MAX_MEGAPIXELS


def test_pillow_s_own_limit_is_put_back(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    images.save_image(tmp_path / "a.png", random_image(30, 30))
    images.load_image(tmp_path / "a.png", 5)
    refusal(tmp_path / "none.png")
    assert before == Image.MAX_IMAGE_PIXELS


def test_threads_may_read_at_the_same_time(tmp_path):
    images.save_image(tmp_path / "a.png", random_image(30, 30))
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        loaded = pool.map(lambda i: images.load_image(tmp_path / "a.png", i), [1] * 40)
    assert all((each == random_image(30, 30)).all() for each in loaded)
    assert before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters))


def test_warning_filters_and_log_level_are_put_back(tmp_path, caplog):
    caplog.set_level(logging.INFO, "PIL")
    filters = list(warnings.filters)
    refusal(tmp_path / "none.png")
    assert warnings.filters == filters
    assert logging.getLogger("PIL").level == logging.INFO


# --- Files that cannot be written ---


@pytest.mark.parametrize("name", ["a", "a.gif", "a.png.bak", ".png"])
def test_unknown_suffix_lists_the_known_ones(tmp_path, name):
    with pytest.raises(ValueError, match="got the suffix") as caught:
        images.save_image(tmp_path / name, random_image())
    assert str(tmp_path / name) in str(caught.value)
    assert all(suffix in str(caught.value) for suffix in SUFFIXES)
    assert os.listdir(tmp_path) == []


def test_missing_folder(tmp_path):
    path = tmp_path / "none" / "a.png"
    with pytest.raises(ValueError, match="existing folder") as caught:
        images.save_image(path, random_image())
    assert str(path) in str(caught.value)
    assert not path.parent.exists()


def test_target_is_a_folder(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ValueError, match="expected a file"):
        images.save_image(tmp_path / "a.png", random_image())


@pytest.mark.parametrize(
    "shape", [(4, 4), (4, 4, 1), (4, 4, 4), (1, 4, 4, 3), (0, 4, 3)]
)
def test_what_is_not_an_image_is_not_saved(tmp_path, shape):
    with pytest.raises(ValueError, match=r"expected \(height, width, 3\)"):
        images.save_image(tmp_path / "a.png", np.zeros(shape, np.float32))
    assert os.listdir(tmp_path) == []


def test_diverged_image_is_not_saved(tmp_path):
    image = random_image()
    image[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"a\.png: Got NaN"):
        images.save_image(tmp_path / "a.png", image)
    assert os.listdir(tmp_path) == []


def test_image_too_long_for_its_format(tmp_path):
    with pytest.raises(ValueError, match=r"Cannot save .*a\.webp: .*16383"):
        images.save_image(tmp_path / "a.webp", np.zeros((1, 16384, 3), np.float32))
    assert os.listdir(tmp_path) == []


def fail(*_arguments, **_options):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("owner", "name"),
    [(os, "replace"), (Path, "write_bytes"), (Image.Image, "save")],
    ids=["replace", "write", "encode"],
)
def test_failing_save_keeps_the_old_file_and_leaves_nothing(
    tmp_path, monkeypatch, owner, name
):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises((OSError, ValueError), match="No space left") as caught:
        images.save_image(path, random_image())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["a.png"]
    assert path.read_bytes() == b"old"


def test_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        images.save_image(tmp_path / "a.png", random_image())
    assert os.listdir(tmp_path) == []


# --- Damaged files ---


def samples():
    """Small files of every format, with all the metadata that a decoder can trip on."""
    exif = Image.Exif()
    exif[274] = 6
    rgb = Image.fromarray(images.to_uint8(smooth_image(12, 16)))
    rich = {"exif": exif, "icc_profile": linear_rgb_profile()}
    info = PngImagePlugin.PngInfo()
    info.add_text("key", "value")
    info.add_itxt("other", "星", zip=True)
    deep = Image.fromarray(DEEP)
    return [
        (rgb, "PNG", {**rich, "pnginfo": info}),
        (palette_image(), "PNG", {"transparency": bytes([255, 51, 0])}),
        (rgb.convert("LA"), "PNG", rich),
        (deep, "PNG", {"icc_profile": LINEAR_GREY}),
        (rgb, "JPEG", rich),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {"icc_profile": black_ink_profile()[:400]}),
        (rgb, "WEBP", {**rich, "lossless": True}),
        (rgb.convert("RGBA"), "WEBP", rich),
        (rgb, "TIFF", rich),
        (rgb, "TIFF", {"compression": "tiff_lzw", **rich}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        (palette_image(), "TIFF", {}),
    ]


def mutated(data, rng):
    """The data cut short, with bytes changed, or with a run of bytes replaced."""
    mutant = bytearray(data)
    kind = rng.integers(4)
    if kind == 0:
        del mutant[rng.integers(len(data)) :]
    elif kind == 1:
        start = rng.integers(len(data))
        mutant[start : start + 8] = rng.bytes(8)
    else:  # the headers are where it hurts
        span = len(data) if kind == 2 else min(len(data), 200)
        for position in rng.integers(0, span, rng.integers(1, 6)):
            mutant[position] = rng.integers(256)
    return bytes(mutant)


@pytest.mark.parametrize("index", range(len(samples())))
def test_damaged_files_give_an_image_or_a_value_error(tmp_path, capfd, caplog, index):
    picture, kind, options = samples()[index]
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    rng = np.random.default_rng(index)
    path = tmp_path / "damaged"
    messages = []
    result = np.full((3, 4, 3), 0.5, np.float32)
    for _ in range(60):
        path.write_bytes(mutated(buffer.getvalue(), rng))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", ".*damaged: (ignored the|cannot keep)")
            try:
                assert_valid(images.load_image(path))
            except ValueError as error:
                messages.append(str(error))
                continue
            keep = images.load_metadata(path, "content", location=True)
            images.save_image(tmp_path / "result.png", result, keep=keep)
    assert 0 < len(messages) < 60
    assert all(str(path) in line and "\n" not in line for line in messages)
    noise = capfd.readouterr()
    assert noise.out == ""
    assert noise.err == "" or kind == "TIFF"  # libtiff itself writes to stderr, in C
    assert caplog.records == []


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"\A[^\n]*it is a pipe[^\n]*\Z"):
        images.load_image(tmp_path / "pipe.png")
