"""tfstyle.clips.survey: what is known of a film before it is painted."""

import itertools
from fractions import Fraction

import pytest
from clip_files import NTSC, make_film, moving, remuxed, seconds_of
from conftest import STYLE
from small_runs import TINY

from tfstyle.clips.reading import About
from tfstyle.clips.survey import shot_inputs, steady, survey
from tfstyle.config import StyleConfig

MILLISECONDS = Fraction(1, 1000)


def film_at(rate, time_base):
    return About(32, 48, Fraction(rate), time_base, Fraction(1))


@pytest.mark.parametrize("rate", [NTSC, Fraction(24000, 1001), 25, 12, Fraction(15, 2)])
@pytest.mark.parametrize("begin", [0, 1467])
def test_rounded_times_of_a_constant_rate_become_exact(rate, begin):
    times = [begin + round(1000 * n / rate) for n in range(300)]
    film, exact = steady(film_at(rate, MILLISECONDS), times)
    steps = {b - a for a, b in itertools.pairwise(exact)}
    assert steps == {1 / rate / film.time_base}
    assert exact[0] * film.time_base == pytest.approx(begin / 1000, abs=1e-3)
    assert exact[-1] * film.time_base == pytest.approx(times[-1] / 1000, abs=1e-3)


@pytest.mark.parametrize("times", [[0, 40, 55, 140], [0, 40, 81, 124]])
def test_other_times_stay(times):
    film = film_at(25, MILLISECONDS)
    assert steady(film, times) == (film, times)


def test_a_film_of_one_frame():
    film, times = steady(film_at(25, MILLISECONDS), [80])
    assert times[0] * film.time_base == Fraction(80, 1000)


@pytest.fixture
def config(tmp_path):
    film = make_film(tmp_path / "a.mp4", moving(10, upside_down_from=4), NTSC)
    path = remuxed(film, tmp_path / "a.mkv")
    config = StyleConfig(styles=[{"path": str(STYLE)}])
    return config.with_overrides({**TINY, "content.path": str(path)})


def test_of_a_film(config):
    found = survey(config)
    assert found.shots == [range(4), range(4, 10)]
    assert found.about.rate == NTSC
    seconds = [float(time * found.about.time_base) for time in found.times]
    assert seconds == pytest.approx(seconds_of(config.content.path), abs=1.1e-3)
    assert found.checksums.keys() == {"content", "styles.0"}


def test_the_checksum_is_the_film_s_own(config, tmp_path):
    before = survey(config).checksums
    with open(config.content.path, "ab") as file:
        file.write(b"x")
    after = survey(config).checksums
    assert before["content"] != after["content"]
    assert before["styles.0"] == after["styles.0"]


def test_colors_are_those_of_the_middle_of_a_shot(config):
    found = [shot_inputs(config, range(a, b)).content for a, b in ((0, 4), (4, 10))]
    expected = moving(10, upside_down_from=4)
    for frame, number in zip(found, (2, 7), strict=True):
        assert abs(frame - expected[number] / 255).mean() < 0.03
