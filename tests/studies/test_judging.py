"""The measures that no objective minimizes, on known cases."""

import numpy as np
import pytest

from tfstyle.engine.inputs import Inputs
from tfstyle.studies.judging import (
    MEASURES,
    borrowed,
    composition,
    distribution_distance,
    grain,
    judge,
)


@pytest.fixture
def features(random):
    return random.random((12, 16, 8)).astype(np.float32)


def test_composition_of_the_content_itself_is_zero(features):
    assert composition(features, features) == 0
    assert composition(2 * features, features) < 1e-5  # the scale does not matter
    assert composition(features[::-1], features) > 0.05


def test_composition_of_halves_that_change_places_is_that_of_the_content():
    """It sees which places look alike, not what they show."""
    halves = np.zeros((12, 16, 2), np.float32)
    halves[:, :8, 0] = halves[:, 8:, 1] = 1
    assert composition(halves[..., ::-1], halves) == 0


def test_distribution_of_the_same_places_in_another_order_is_the_same(features):
    mixed = features[::-1, ::-1]
    assert distribution_distance(mixed, features) == pytest.approx(0, abs=1e-6)


def test_a_shift_is_measured_in_standard_deviations(random):
    style = random.normal(size=(40, 50, 1)).astype(np.float32)
    shifted = style + 2 * style.std()
    assert distribution_distance(shifted, style) == pytest.approx(2, rel=0.01)


def test_borrowed_is_the_fraction_nearer_to_the_painting(features, random):
    painting = random.random((5, 7, 8)).astype(np.float32)
    assert borrowed(features, features, [painting]) == 0
    result = features.copy()
    result[:3] = painting[2, 4]
    assert borrowed(result, features, [painting]) == 3 / 12
    assert borrowed(result, features, [painting[:2], painting]) == 3 / 12


def test_grain_sees_single_pixels_and_no_slopes():
    height, width = np.mgrid[:32, :32]
    board = np.repeat(((height + width) % 2)[..., None], 3, 2).astype(np.float32)
    slope = np.repeat((width / 31)[..., None], 3, 2).astype(np.float32)
    assert grain(board) == pytest.approx(0.5, rel=0.05)
    assert grain(slope) < 0.01


class TestJudge:
    def test_the_content_and_the_style_as_results(self, photo, painting):
        from tfstyle.engine.kept import Kept

        kept = Kept()
        inputs = Inputs(photo, [painting])
        content = judge(inputs, photo, kept)
        assert tuple(content) == MEASURES
        assert content["composition"] == content["borrowed"] == 0
        assert content["style_transport"] > 0.1
        style = judge(Inputs(photo, [photo]), photo, kept)
        assert style["style_transport"] == pytest.approx(0, abs=1e-5)

    def test_without_a_style(self, photo):
        from tfstyle.engine.kept import Kept

        found = judge(Inputs(photo, []), photo, Kept())
        assert tuple(found) == ("composition", "grain")
        assert found["grain"] == 1
