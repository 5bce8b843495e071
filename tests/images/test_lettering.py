"""tfstyle.images.lettering: text as a picture."""

import numpy as np
import pytest
from picture_files import assert_valid

from tfstyle.images import draw_text
from tfstyle.vgg.weights import bundled_file

FONT = bundled_file("Pretendard-Regular.otf")


def draw(text, width=100):
    return draw_text(text, FONT, 20, width)


def test_is_black_on_white_and_centered():
    image = draw("oo")
    assert_valid(image)
    assert image.shape == (26, 100, 3)
    assert image.min() == 0
    assert image[0].min() == image[-1].min() == 1
    (inked,) = np.nonzero(image.min(axis=(0, 2)) < 0.5)
    assert inked[0] + inked[-1] == pytest.approx(99, abs=2)


@pytest.mark.parametrize(
    ("text", "lines"), [("", 1), ("one", 1), ("one two three four", 2), ("a " * 30, 5)]
)
def test_breaks_between_words(text, lines):
    assert draw(text, width=120).shape == (26 * lines, 120, 3)


def test_cuts_what_is_too_long_for_a_line():
    image = draw("m" * 50)
    assert image.shape == (26, 100, 3)
    assert image[:, [0, -1]].min() == 1
