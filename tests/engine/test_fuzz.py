"""Thousands of masks and controls: a run can begin or not, see `fuzzing`."""

import fuzzing
import pytest


def test_some():
    fuzzing.check("controls", 200)


@pytest.mark.long
def test_many():
    fuzzing.check("controls", 3000)
