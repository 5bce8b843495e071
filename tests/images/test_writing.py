"""tfstyle.images.writing: whole or not at all, in the format of the suffix."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from picture_files import (
    LOSSLESS,
    PLAIN,
    SUFFIXES,
    assert_valid,
    random_image,
    smooth_image,
)
from PIL import Image, PngImagePlugin

from tfstyle import images


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


def test_saved_pixels_are_the_rounded_ones(tmp_path):
    image = np.random.default_rng(6).uniform(-0.2, 1.2, (9, 8, 3)).astype(np.float32)
    images.save_image(tmp_path / "a.png", image)
    stored = np.asarray(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(stored, np.floor(np.clip(image, 0, 1) * 255 + 0.5))


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
