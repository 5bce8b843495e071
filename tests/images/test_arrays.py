"""tfstyle.images.arrays: rounding, sizes and filters against their definitions."""

import numpy as np
import pytest
from picture_files import (
    assert_valid,
    random_image,
    smooth_image,
)

from tfstyle import images
from tfstyle.images import arrays


def test_rounds_to_nearest():
    below, above = np.float32(0.499 / 255), np.float32(0.501 / 255)
    values = [0, below, above, 0.999, 254.499 / 255, 254.501 / 255, 1]
    expected = [0, 0, 1, 255, 254, 255, 255]
    assert images.to_uint8(np.array(values, np.float32)).tolist() == expected


def test_every_8_bit_level_survives():
    levels = np.arange(256, dtype=np.uint8)
    for dtype in (np.float16, np.float32, np.float64):
        result = images.to_uint8((levels / 255).astype(dtype))
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, levels)


def test_clips_what_lies_outside():
    values = np.array([-1e30, -0.1, 1.1, 300.0], np.float32)
    assert images.to_uint8(values).tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        images.to_uint8(np.array([0.5, value]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_pixels_that_are_not_floats_are_refused(dtype):
    pixels = np.ones((2, 2, 3), dtype)
    with pytest.raises(ValueError, match="expected floats in"):
        images.to_uint8(pixels)
    with pytest.raises(ValueError, match="expected floats in"):
        images.resize(pixels, 1, 1)


@pytest.mark.parametrize("strip", [1, 50, 1 << 20])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0, 2), (5, 6, 3), (2, 3, 4, 5)])
def test_strips_change_no_value(monkeypatch, strip, shape):
    monkeypatch.setattr(arrays, "STRIP", strip)
    values = np.random.default_rng(8).uniform(-0.2, 1.2, shape)
    expected = np.rint(np.clip(np.float32(values), 0, 1) * np.float32(255))
    levels = images.to_uint8(values)
    assert levels.shape == shape
    np.testing.assert_array_equal(levels, expected)


@pytest.mark.parametrize(
    ("height", "width", "long_side", "expected"),
    [
        (100, 200, 50, (25, 50)),
        (200, 100, 50, (50, 25)),
        (7, 7, 512, (512, 512)),
        (480, 640, 512, (384, 512)),
        (3, 2, 5, (5, 3)),  # 3.33
        (2, 4, 5, (3, 5)),  # 2.5 goes up
        (2, 4, 1, (1, 1)),
        (1, 10_000, 100, (1, 100)),  # 0.01
        (333, 1000, 1000, (333, 1000)),
    ],
)
def test_fit_size(height, width, long_side, expected):
    assert images.fit_size(height, width, long_side) == expected


def test_fit_size_keeps_the_ratio_to_half_a_pixel():
    rng = np.random.default_rng(7)
    for height, width, long_side in rng.integers(1, 3000, (200, 3)).tolist():
        size = images.fit_size(height, width, long_side)
        assert max(size) == long_side
        exact = min(height, width) * long_side / max(height, width)
        assert abs(min(size) - max(exact, 1)) <= 0.5 + 1e-9


@pytest.mark.parametrize("arguments", [(0, 5, 5), (5, -1, 5), (5, 5, 0)])
def test_fit_size_refuses_less_than_a_pixel(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        images.fit_size(*arguments)


def lanczos_matrix(source, target):
    """Rows of antialiased Lanczos-3 weights, one axis, written from the definition."""
    scale = max(source / target, 1.0)
    centers = (np.arange(target) + 0.5) * source / target
    distance = (np.arange(source) + 0.5 - centers[:, None]) / scale
    weights = np.where(
        np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0
    )
    return weights / weights.sum(axis=1, keepdims=True)


def bicubic_matrix(source, target):
    """Rows of cubic weights (a = -1/2) for enlarging, one axis."""
    centers = (np.arange(target) + 0.5) * source / target
    d = np.abs(np.arange(source) + 0.5 - centers[:, None])
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    weights = np.where(d < 1, near, np.where(d < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((9, 7), lanczos_matrix), ((20, 29), lanczos_matrix), ((64, 70), bicubic_matrix)],
)
def test_resize_is_the_textbook_filter(size, matrix):
    image = 0.3 + 0.4 * random_image(20, 30)  # no overshoot reaches the clipping
    vertical, horizontal = matrix(20, size[0]), matrix(30, size[1])
    expected = np.einsum("ij,jkc,lk->ilc", vertical, image, horizontal)
    resized = images.resize(image, *size)
    assert_valid(resized)
    np.testing.assert_allclose(resized, expected, atol=2e-6)


def test_shrunk_ramp_is_the_box_average():
    ramp = smooth_image(96, 128)
    boxes = ramp.reshape(24, 4, 32, 4, 3).mean(axis=(1, 3))
    inner = (slice(3, -3), slice(3, -3))  # where the filter sees no border
    shrunk = images.resize(ramp, 24, 32)
    np.testing.assert_allclose(shrunk[inner], boxes[inner], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (13, 40), (40, 9), (33, 50)])
@pytest.mark.parametrize("value", [0.0, 0.123456, 1.0])
def test_constant_stays_constant(size, value):
    image = np.full((13, 17, 3), value, np.float32)
    resized = images.resize(image, *size)
    assert resized.shape == (*size, 3)
    np.testing.assert_allclose(resized, value, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 24), (8, 6), (128, 96)])
def test_mean_is_kept(size):
    image = random_image(64, 48)
    resized = images.resize(image, *size)
    np.testing.assert_allclose(resized.mean((0, 1)), image.mean((0, 1)), atol=0.01)


def test_fine_checkerboard_shrinks_to_grey():
    y, x = np.mgrid[0:64, 0:64]
    board = np.repeat(((x + y) % 2)[..., None], 3, 2).astype(np.float32)
    np.testing.assert_allclose(images.resize(board, 16, 16), 0.5, atol=0.005)


def test_resize_does_not_round_to_8_bits():
    ramp = np.linspace(0.5, 0.51, 64, dtype=np.float32)
    image = np.broadcast_to(ramp[None, :, None], (8, 64, 3))
    for width in (48, 96):
        assert len(np.unique(images.resize(image, 8, width)[0, :, 0])) > 40


def test_resize_stays_in_range_at_sharp_edges():
    edge = np.zeros((16, 16, 3), np.float32)
    edge[:, 8:] = 1
    for size in ((11, 11), (50, 50)):
        assert_valid(images.resize(edge, *size))


def test_same_size_is_a_copy():
    image = random_image()
    resized = images.resize(image, *image.shape[:2])
    np.testing.assert_array_equal(resized, image)
    assert not np.shares_memory(resized, image)


def test_resize_takes_any_number_of_channels():
    assert images.resize(random_image()[..., :1], 5, 4).shape == (5, 4, 1)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((4, 4), (2, 2)),
        ((1, 4, 4, 3), (2, 2)),
        ((4, 4, 3), (0, 2)),
        ((0, 4, 3), (2, 2)),
    ],
)
def test_resize_refuses_other_shapes(shape, size):
    with pytest.raises(ValueError, match="expected"):
        images.resize(np.zeros(shape, np.float32), *size)


class TestCover:
    @pytest.mark.parametrize("size", [(8, 8), (16, 6), (6, 16), (40, 30), (1, 90)])
    def test_fills_the_size(self, size):
        covered = images.cover(random_image(20, 30), *size)
        assert covered.shape == (*size, 3)
        assert covered.dtype == np.float32

    def test_cuts_the_same_from_both_ends(self):
        picture = np.zeros((10, 30, 3), np.float32)
        picture[:, 10:20] = 1
        covered = images.cover(picture, 10, 10)
        np.testing.assert_array_equal(covered, np.ones((10, 10, 3)))

    def test_keeps_the_ratio(self):
        y, x = np.mgrid[:60, :40]
        disc = (np.hypot(y - 29.5, x - 19.5) < 6).astype(np.float32)
        covered = images.cover(np.repeat(disc[..., None], 3, axis=-1), 50, 80)
        inside = covered[..., 0] > 0.5
        assert inside.any(axis=0).sum() == pytest.approx(24, abs=1)  # 40 wide to 80
        assert inside.any(axis=1).sum() == pytest.approx(24, abs=1)

    def test_of_the_same_ratio_is_a_resize(self):
        picture = random_image(20, 30)
        smaller = images.cover(picture, 10, 15)
        assert smaller.shape[:2] == images.fit_size(20, 30, 15)
        np.testing.assert_array_equal(images.cover(picture, 20, 30), picture)
