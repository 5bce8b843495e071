"""tfstyle.images: damaged files give a picture, or one line that says why not."""

import io
import warnings

import numpy as np
import pytest
from picture_files import (
    DEEP,
    LINEAR_GREY,
    assert_valid,
    black_ink_profile,
    linear_rgb_profile,
    palette_image,
    smooth_image,
)
from PIL import Image, PngImagePlugin

from tfstyle import images


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
