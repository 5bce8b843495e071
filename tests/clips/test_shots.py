"""tfstyle.clips.shots: cuts are found; pans, flashes and fades are none."""

import itertools

import numpy as np
import pytest
from conftest import ROOT, small

from tfstyle.clips.shots import difference, find_shots
from tfstyle.images import grey, resize, to_uint8

PICTURES = ("chelsea.png", "astronaut.png", "coffee.png", "rocket.jpg")


def pan(name, count, step):
    """Small grey frames of a camera that moves over a photograph."""
    picture = small(ROOT / "examples/content" / name, 200)
    side = min(picture.shape[:2]) * 2 // 3
    last = picture.shape[1] - side
    lefts = [min(step * t, last) for t in range(count)]
    parts = [picture[10 : 10 + side, left : left + side] for left in lefts]
    return [to_uint8(grey(resize(part, 27, 48))[..., 0]) for part in parts]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("step", [0, 1, 3, 8])
def test_a_pan_is_one_shot(name, step):
    assert find_shots(pan(name, 20, step)) == [range(20)]


@pytest.mark.parametrize("name", PICTURES)
def test_a_pan_that_begins_at_once_is_one_shot(name):
    assert find_shots(pan(name, 10, 0) + pan(name, 10, 6)) == [range(20)]


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(PICTURES, 2)))
def test_a_cut_is_found(one, other):
    frames = [*pan(one, 9, 2), *pan(other, 12, 5), *pan(one, 7, 0)]
    assert find_shots(frames) == [range(9), range(9, 21), range(21, 28)]


@pytest.mark.parametrize("long", [1, 2, 3])
def test_a_flash_is_no_cut(long):
    frames = pan("coffee.png", 20, 2)
    for t in range(8, 8 + long):
        frames[t] = np.full_like(frames[t], 250)
    assert find_shots(frames) == [range(20)]


def test_a_fade_is_no_cut():
    frames = pan("chelsea.png", 24, 1)
    faded = [(frame * (t / 23)).astype(np.uint8) for t, frame in enumerate(frames)]
    assert find_shots(faded) == [range(24)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_short_film_is_one_shot(count):
    assert find_shots(pan("coffee.png", count, 3)) == [range(count)]


def test_frames_may_come_one_by_one():
    frames = [*pan("coffee.png", 9, 1), *pan("rocket.jpg", 9, 1)]
    assert find_shots(iter(frames)) == [range(9), range(9, 18)]


def test_the_difference_is_from_0_to_1():
    black, white = np.zeros((27, 48), np.uint8), np.full((27, 48), 255, np.uint8)
    assert difference(black, black) == 0
    assert difference(black, white) == difference(white, black) == 1
