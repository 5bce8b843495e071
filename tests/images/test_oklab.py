"""tfstyle.images.oklab: lightness and chroma, and back to colors that sRGB has."""

import numpy as np
import pytest

from tfstyle.images.oklab import chroma, colored, grey, oklab


@pytest.fixture
def colors(random):
    return random.random((40, 50, 3), np.float32)


def test_known_colors():
    """As Ottosson (2020) gives them: red is (0.628, 0.225, 0.126)."""
    red = np.array([[[1, 0, 0]]], np.float32)
    np.testing.assert_allclose(chroma(red)[0, 0], [0.2249, 0.1258], atol=1e-4)
    np.testing.assert_allclose(oklab(red)[0, 0], [0.62796, 0.2249, 0.1258], atol=1e-4)
    linear = 0.62796**3
    expected = 1.055 * linear ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(grey(red)[0, 0], expected, atol=1e-4)


def test_there_and_back(colors):
    found = colored(grey(colors), chroma(colors))
    np.testing.assert_allclose(found, colors, atol=2e-4)
    assert found.dtype == np.float32


def test_greys_have_no_chroma_and_are_their_own_lightness():
    ramp = np.linspace(0, 1, 99, dtype=np.float32).reshape(9, 11, 1)
    picture = np.repeat(ramp, 3, axis=2)
    np.testing.assert_allclose(grey(picture), ramp, atol=1e-6)
    assert np.abs(chroma(picture)).max() < 1e-5


def test_colors_that_srgb_has_not_keep_lightness_and_hue(colors, random):
    light, color = random.random((40, 50, 1), np.float32), chroma(colors)
    found = colored(light, color)
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(grey(found), light, atol=2e-3)
    less = chroma(found)
    along = np.sum(less * color, -1)
    assert along.min() >= -1e-6
    lengths = np.linalg.norm(less, axis=-1), np.linalg.norm(color, axis=-1)
    assert (lengths[0] <= lengths[1] + 2e-3).all()
    assert (lengths[0] < lengths[1] - 0.01).mean() > 0.1  # some are out of reach
    across = less[..., 0] * color[..., 1] - less[..., 1] * color[..., 0]
    assert np.abs(across).max() < 1e-3


def test_does_not_depend_on_how_it_is_cut(colors, monkeypatch):
    from tfstyle.images import arrays

    whole = colored(grey(colors), chroma(colors))
    monkeypatch.setattr(arrays, "STRIP", 300)
    cut = colored(grey(colors), chroma(colors))
    np.testing.assert_allclose(cut, whole, atol=1e-6)
