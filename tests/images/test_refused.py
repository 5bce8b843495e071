"""tfstyle.images.reading: what is refused, in one line that names the file."""

import logging
import os
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from picture_files import (
    SUFFIXES,
    png_chunk,
    random_image,
    refusal,
)
from PIL import Image, ImageFile

from tfstyle import images
from tfstyle.config import StyleConfig


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


def fail(*_arguments, **_options):
    raise OSError(28, "No space left on device")


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"\A[^\n]*it is a pipe[^\n]*\Z"):
        images.load_image(tmp_path / "pipe.png")
