"""tfstyle.clips.writing: rate, times and sound are those of the source."""

from fractions import Fraction

import av
import numpy as np
import pytest
from clip_files import (
    NTSC,
    make_film,
    make_tone,
    moving,
    remuxed,
    seconds_of,
    sound_of,
)

from tfstyle.clips.reading import about, pictures, thumbnails


@pytest.mark.parametrize("rate", [NTSC, Fraction(25), Fraction(12)])
def test_the_rate_is_kept(tmp_path, rate):
    path = make_film(tmp_path / "film.mp4", moving(8), rate)
    assert about(path).rate == rate
    expected = [t / float(rate) for t in range(8)]
    assert seconds_of(path) == pytest.approx(expected, abs=1e-4)


def test_times_are_kept(tmp_path):
    times = [900, 990, 1500, 1510, 3000]
    base = Fraction(1, 1000)
    path = make_film(tmp_path / "film.mp4", moving(5), times=times, time_base=base)
    assert np.diff(seconds_of(path)) == pytest.approx(np.diff(times) / 1000)


def test_is_h264_of_even_sides_in_the_colors_of_television(tmp_path):
    path = make_film(tmp_path / "film.mp4", moving(4, size=(33, 49)))
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        assert context.name == "h264"
        assert context.pix_fmt == "yuv420p"
        assert (context.height, context.width) == (32, 48)
        assert (context.colorspace, context.color_range) == (1, 1)  # BT.709, 16..235


def test_colors_come_back(tmp_path):
    colors = [(200, 30, 40), (20, 160, 60), (30, 60, 220), (128, 128, 128)]
    frames = [np.full((32, 48, 3), color, np.uint8) for color in colors]
    path = make_film(tmp_path / "film.mp4", frames)
    for found, color in zip(pictures(path), colors, strict=True):
        np.testing.assert_allclose(255 * found.mean((0, 1)), color, atol=4)


class TestSound:
    def test_is_copied(self, tmp_path):
        tone = make_tone(tmp_path / "tone.wav")
        first = make_film(tmp_path / "first.mp4", moving(12), sound=tone)
        second = make_film(tmp_path / "second.mp4", moving(12), sound=first)
        assert sound_of(first)[0] == "aac"  # a WAV file's own is not for MP4
        assert len(sound_of(first)[1]) > 15
        assert sound_of(second) == sound_of(first)

    def test_that_is_encoded_anew_is_as_long(self, tmp_path):
        tone = make_tone(tmp_path / "tone.wav", seconds=0.5)
        path = make_film(tmp_path / "film.mp4", moving(12), sound=tone)
        with av.open(str(path)) as film:
            stream = film.streams.audio[0]
            samples = sum(frame.samples for frame in film.decode(stream))
            assert samples / stream.rate == pytest.approx(0.5, abs=0.06)

    def test_may_not_be_there(self, tmp_path):
        silent = make_film(tmp_path / "silent.mp4", moving(3))
        path = make_film(tmp_path / "film.mp4", moving(3), sound=silent)
        assert sound_of(path) == (None, [])


def test_a_broadcast_begins_at_once(tmp_path):
    """Its times begin anywhere; sound and pictures stay together."""
    tone = make_tone(tmp_path / "tone.wav")
    whole = make_film(tmp_path / "whole.mp4", moving(12), sound=tone)
    broadcast = remuxed(whole, tmp_path / "film.ts", later=100)
    times = [each.time for each in thumbnails(broadcast)]
    film = about(broadcast)
    begin = float(times[0] * film.time_base)
    assert begin > 99
    path = make_film(
        tmp_path / "film.mp4",
        moving(12),
        film.rate,
        times,
        film.time_base,
        sound=broadcast,
    )
    assert seconds_of(path)[0] < 0.1
    before, after = (
        seconds_of(each)[0] - seconds_of(each, "audio")[0] for each in (broadcast, path)
    )
    assert after == pytest.approx(before, abs=0.002)


def test_is_written_whole_or_not_at_all(tmp_path):
    path = make_film(tmp_path / "film.mp4", moving(3))
    before = path.read_bytes()

    def frames():
        yield from moving(2)
        raise RuntimeError("the disk is gone")

    class Failing(list):
        def __iter__(self):
            return frames()

    with pytest.raises(RuntimeError, match="disk"):
        make_film(path, Failing(moving(3)), times=[0, 1, 2])
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["film.mp4"]
