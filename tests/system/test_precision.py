"""tfstyle.system.precision: the faster of two number formats."""

import pytest

from tfstyle.system import precision


@pytest.fixture
def fastest(monkeypatch):
    """What is chosen where a convolution takes so many seconds in each format."""

    def choose(**seconds):
        monkeypatch.setattr(precision, "_convolution_seconds", seconds.__getitem__)
        return precision.fastest_precision.__wrapped__()

    return choose


def test_bfloat16_only_where_it_is_clearly_faster(fastest):
    assert fastest(float32=1.3, bfloat16=1.0) == "bfloat16"
    assert fastest(float32=1.2, bfloat16=1.0) == "float32"
    assert fastest(float32=1.0, bfloat16=9.0) == "float32"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_convolution_takes_a_while(dtype):
    assert 0 < precision._convolution_seconds(dtype) < 60
