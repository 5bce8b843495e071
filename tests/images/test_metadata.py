"""tfstyle.images.metadata: what a result has of the content picture's file."""

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from picture_files import (
    DEEP,
    LINEAR_GREY,
    LOSSLESS,
    PLAIN,
    SRGB_PRIMARIES,
    SUFFIXES,
    black_ink_profile,
    linear_rgb_profile,
    palette_image,
    png_bytes,
    png_chunk,
    random_image,
    refusal,
    smooth_image,
    srgb_curve,
    tiff_bytes,
)
from PIL import Image, PngImagePlugin

from tfstyle import images
from tfstyle.images import arrays, metadata

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
