"""tfstyle.images.as_picture: arrays and paths that people hand over."""

import re

import numpy as np
import pytest
from picture_files import random_image

from tfstyle.images import as_picture


def complaint(*arguments):
    """Return the one line with which a picture is refused."""
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as error:
        as_picture(*arguments)
    return str(error.value)


def test_reads_files(content_path):
    assert as_picture(content_path).shape == (300, 451, 3)
    assert as_picture(str(content_path)).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_takes_floats_in_zero_to_one(dtype):
    array = np.linspace(0, 1, 4 * 5 * 3).reshape(4, 5, 3).astype(dtype)
    picture = as_picture(array)
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, array.astype(np.float32))


def test_is_a_copy():
    """The caller may change its array while a run goes on."""
    array = random_image()
    assert not np.shares_memory(as_picture(array), array)


def test_reads_no_larger_files_than_told(content_path):
    line = complaint(content_path, 0.1)
    assert "it has 0.1353 megapixels; expected at most 0.1" in line


def test_takes_nested_lists():
    np.testing.assert_array_equal(as_picture([[[0.0, 0.5, 1.0]]]), [[[0, 0.5, 1]]])


@pytest.mark.parametrize(
    "shape", [(), (4,), (4, 5), (4, 5, 1), (4, 5, 4), (1, 4, 5, 3), (0, 5, 3)]
)
def test_refuses_other_shapes(shape):
    line = complaint(np.zeros(shape))
    assert f"shape {shape} came, (height, width, 3) is expected" in line
    assert "without a batch axis or alpha" in line


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.zeros((4, 4, 3), np.uint8), "uint8 from 0 to 0"),
        (np.full((4, 4, 3), 255.0), "float64 from 255.0 to 255.0"),
        (np.full((4, 4, 3), -0.1, np.float32), "float32 from -0.1"),
    ],
)
def test_refuses_other_values(array, came):
    line = complaint(array)
    assert f"a picture of {came}" in line
    assert "floats in [0, 1] are expected" in line


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.nan, "NaN or infinite pixels"),
        (np.inf, "NaN or infinite pixels"),
        (1.01, "floats in [0, 1]"),
    ],
)
def test_one_bad_pixel_is_enough(value, expected):
    array = random_image(4, 4)
    array[3, 2, 1] = value
    assert re.search(re.escape(expected), complaint(array))


def test_refuses_other_things():
    assert "shape () came" in complaint(None)
