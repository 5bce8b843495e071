"""Thousands of damaged pictures: each is read or refused in one line, see `fuzzing`."""

import fuzzing
import pytest


def test_some():
    fuzzing.check("images", 200)


@pytest.mark.long
def test_many():
    fuzzing.check("images", 3000)
