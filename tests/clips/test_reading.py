"""tfstyle.clips.reading: films frame by frame, turned as they are shown."""

import itertools
import re
import sys
from fractions import Fraction

import numpy as np
import pytest
from clip_files import NTSC, make_film, make_tone, moving, turned_film

from tfstyle.clips.extra import check_extra
from tfstyle.clips.reading import about, pictures, thumbnails

ONE_LINE = r"\A[^\n]+\Z"


@pytest.fixture
def film(tmp_path):
    return make_film(tmp_path / "film.mp4", moving(6))


class TestPictures:
    def test_are_all_frames_in_order(self, film):
        found = list(pictures(film))
        assert len(found) == 6
        for frame, expected in zip(found, moving(6), strict=True):
            assert frame.dtype == np.float32
            assert frame.shape == (32, 48, 3)
            assert np.abs(frame - expected / 255).mean() < 0.03

    def test_may_begin_later(self, film):
        later = list(pictures(film, 4))
        np.testing.assert_array_equal(later, list(pictures(film))[4:])

    def test_are_read_one_by_one(self, film):
        frames = pictures(film)
        next(frames)
        frames.close()

    @pytest.mark.parametrize("degrees", [0, 90, 180, 270])
    def test_are_turned(self, tmp_path, degrees):
        frame = np.zeros((32, 48, 3), np.uint8)
        frame[:12, :12] = 255  # at the top left
        path = turned_film(tmp_path / "film.mp4", degrees, frame)
        expected = np.rot90(frame, degrees // 90)
        found = next(pictures(path))
        assert found.shape == expected.shape
        assert np.abs(found - expected / 255).mean() < 0.02
        assert about(path)[:2] == expected.shape[:2]


class TestAbout:
    @pytest.mark.parametrize("rate", [NTSC, Fraction(25), Fraction(24000, 1001)])
    def test_rate(self, tmp_path, rate):
        path = make_film(tmp_path / "film.mp4", moving(5), rate)
        assert about(path).rate == rate
        assert about(path).aspect == 1

    def test_times_of_a_variable_rate(self, tmp_path):
        times = [0, 40, 55, 140, 141]
        path = make_film(
            tmp_path / "film.mp4", moving(5), times=times, time_base=Fraction(1, 1000)
        )
        base = about(path).time_base
        assert [float(t.time * base) for t in thumbnails(path)] == pytest.approx(
            [time / 1000 for time in times]
        )


def test_thumbnails_are_small_and_grey(film):
    found = list(thumbnails(film))
    assert len(found) == 6
    assert {each.grey.shape for each in found} == {(27, 48)}
    assert all(a.time < b.time for a, b in itertools.pairwise(found))


class TestErrors:
    @pytest.fixture
    def complaint(self, tmp_path):
        def complain(name, data=None):
            path = tmp_path / name
            if data is not None:
                path.write_bytes(data)
            with pytest.raises(ValueError, match=ONE_LINE) as error:
                about(path)
            assert str(path) in str(error.value)
            return str(error.value)

        return complain

    def test_a_missing_file(self, complaint):
        assert "No such file" in complaint("film.mp4")

    def test_no_film(self, complaint):
        assert "convert it to MP4" in complaint("film.mp4", b"hello" * 500)

    def test_an_empty_file(self, complaint):
        assert "cannot be read" in complaint("film.mp4", b"")

    @pytest.mark.parametrize("part", [0.01, 0.1, 0.2])
    def test_the_beginning_of_a_film(self, film, complaint, part):
        data = film.read_bytes()
        line = complaint("part.mp4", data[: round(part * len(data))])
        assert "cannot be read" in line or "has no pictures" in line

    def test_damage_is_read_or_refused_in_one_line(self, film, random):
        data = film.read_bytes()
        for _ in range(40):
            damaged = bytearray(data)
            for where in random.integers(0, len(data), 20):
                damaged[where] ^= 1 << random.integers(8)
            film.write_bytes(damaged)
            try:
                assert len(list(pictures(film))) <= 6
            except ValueError as error:
                assert re.match(ONE_LINE, str(error))  # noqa: PT017

    def test_a_film_without_pictures(self, tmp_path, complaint):
        make_tone(tmp_path / "film.wav")
        assert "has no pictures" in complaint("film.wav")

    def test_a_film_without_frames(self, film, complaint):
        data = film.read_bytes()  # the index is there, and nothing that it points at
        where = data.index(b"mdat")
        assert "no frames" in complaint("film.mp4", data[: where + 4])

    @pytest.mark.parametrize(("module", "name"), [("av", "PyAV"), ("cv2", "OpenCV")])
    def test_a_missing_extra(self, monkeypatch, module, name):
        check_extra()
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(
            ValueError, match=rf"{name}.*pip install 'tfstyle\[video\]'"
        ):
            check_extra()
