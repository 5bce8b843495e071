"""tfstyle.clips.flow: known motions are found, and what was hidden is not trusted."""

import numpy as np
import pytest
from conftest import CONTENT, small

from tfstyle.clips.flow import Motion, flow, motion, trust, warp
from tfstyle.clips.measures import warping_error


@pytest.fixture(scope="module")
def cat():
    """The cat, (160, 240, 3)."""
    return small(CONTENT, 240)


def window(picture, x, y):
    """(100, 160, 3) of it."""
    return picture[30 + y : 130 + y, 40 + x : 200 + x]


def shifted(x, y):
    """A flow of (100, 160, 2) that is the same everywhere."""
    return np.full((100, 160, 2), (x, y), np.float32)


@pytest.mark.parametrize(("x", "y"), [(3, 2), (-6, 4), (1, 0), (0, -11)])
def test_of_a_moved_picture_is_its_shift(cat, x, y):
    found = motion(window(cat, 0, 0), window(cat, x, y))
    trusted = found.trust[..., 0] == 1
    assert trusted.mean() > 0.8
    errors = np.linalg.norm(found.flow - (-x, -y), axis=-1)[trusted]
    assert errors.mean() < 0.05


def test_of_a_picture_to_itself_is_none(cat):
    found = motion(cat, cat)
    assert np.abs(found.flow).max() < 1e-3
    assert found.trust.min() == 1


@pytest.mark.parametrize("size", [(8, 40), (16, 9), (31, 33)])
def test_may_be_of_small_pictures(cat, size):
    part = cat[: size[0], : size[1]]
    found = flow(part, part)
    assert found.shape == (*size, 2)
    assert np.abs(found).max() < 1e-3


def test_is_the_same_each_time(cat):
    pictures = window(cat, 0, 0), window(cat, 5, 3)
    np.testing.assert_array_equal(flow(*pictures), flow(*pictures))


@pytest.mark.parametrize(("x", "y"), [(4, 0), (-7, 3)])
def test_warp_moves_a_picture_back(cat, x, y):
    moved = warp(window(cat, x, y), shifted(-x, -y))
    inside = slice(12, -12), slice(12, -12)
    np.testing.assert_allclose(moved[inside], window(cat, 0, 0)[inside], atol=1e-6)


def test_warp_by_half_a_pixel_lies_between():
    ramp = np.tile(np.linspace(0.1, 0.9, 160, dtype=np.float32), (100, 1))
    moved = warp(np.repeat(ramp[..., None], 3, axis=2), shifted(0.5, 0))
    step = ramp[0, 1] - ramp[0, 0]
    np.testing.assert_allclose(moved[:, 3:-3, 0], ramp[:, 3:-3] + step / 2, atol=1e-3)
    assert moved.shape == (100, 160, 3)


class TestTrust:
    def test_is_not_in_what_was_hidden(self, cat):
        """A patch that moves by 8 uncovers as much behind it."""
        before, after = (window(cat, 0, 0).copy() for _ in range(2))
        patch = 1 - cat[:40, :40]
        before[30:70, 60:100] = patch
        after[30:70, 68:108] = patch
        trusted = motion(after, before).trust[..., 0]
        assert trusted[32:68, 61:67].mean() < 0.1  # uncovered
        assert trusted[40:60, 80:96].mean() > 0.9  # moved
        assert trusted[:20].mean() > 0.95  # stayed

    def test_is_not_beyond_the_borders(self):
        found = trust(shifted(10, 0), shifted(-10, 0))
        assert found[:, :150].min() == 1
        assert found[:, 150:].max() == 0

    def test_is_not_where_the_way_back_leads_elsewhere(self):
        back = shifted(-3, 0)
        back[40:60] += 2
        found = trust(shifted(3, 0), back)[..., 0]
        assert found[42:58].max() == 0
        assert found[:38, :150].min() == 1

    def test_is_not_at_the_boundaries_of_motions(self):
        there = shifted(0, 0)
        there[:, 80:] = (1, 0)
        found = trust(there, -there)[..., 0]
        assert found[:, 79:81].max() == 0
        assert found[:, 90:150].min() == 1


def test_the_warping_error_of_a_known_motion_is_zero(cat):
    there = shifted(3, 0)
    motions = [Motion(there, trust(there, -there))] * 2
    frames = [window(cat, 3 * t, 0) for t in range(3)]
    assert warping_error(frames, motions) < 1e-10
    assert warping_error([frames[0]] * 3, motions) > 1e-3


def test_the_warping_error_is_the_mean_square_of_what_flickers(cat):
    still = Motion(shifted(0, 0), np.ones((100, 160, 1), np.float32))
    frames = [window(cat, 0, 0) * 0.5 + 0.1 * (t % 2) for t in range(4)]
    assert warping_error(frames, [still] * 3) == pytest.approx(0.01, rel=1e-4)
