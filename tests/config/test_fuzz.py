"""Thousands of damaged configs: each is read or refused in one line, see `fuzzing`."""

import fuzzing
import pytest


def test_some():
    fuzzing.check("configs", 300)


@pytest.mark.long
def test_many():
    fuzzing.check("configs", 2000)
