"""tfstyle.images.film: a GIF, an animated WebP or an MP4."""

import sys

import numpy as np
import pytest
from PIL import Image

from tfstyle.images import check_film, save_film


@pytest.fixture
def frames(random):
    """Five pictures of 32 x 21 pixels."""
    return [random.integers(0, 256, (21, 32, 3)).astype(np.uint8) for _ in range(5)]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_has_all_frames_and_rests_on_the_last(tmp_path, frames, suffix):
    path = tmp_path / f"film{suffix}"
    save_film(path, frames)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.size == (32, 21)
        durations = []
        for number in range(5):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
    assert durations == [50, 50, 50, 50, 2000]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of imageio-ffmpeg's reader
def test_mp4(tmp_path, frames):
    import imageio_ffmpeg

    save_film(tmp_path / "film.mp4", frames)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "film.mp4"))
    about = next(reader)
    assert about["size"] == (32, 20)
    assert about["fps"] == 20
    assert sum(1 for _ in reader) == 45  # and two seconds of the last
    reader.close()


def test_mp4_without_ffmpeg_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"tfstyle\[film\]"):
        check_film(".mp4")


def test_other_suffixes_are_refused(tmp_path, frames):
    with pytest.raises(ValueError, match=r"'.avi'; expected .gif"):
        save_film(tmp_path / "film.avi", frames)
    assert list(tmp_path.iterdir()) == []
