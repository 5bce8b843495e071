"""tfstyle.engine.schedule: which sizes a run passes through."""

import doctest
from itertools import pairwise

import pytest

import tfstyle.engine.schedule
from tfstyle.config import Pyramid
from tfstyle.engine.schedule import Scale, schedule


def sizes(size, min_size=128):
    return [
        scale.size for scale in schedule(Pyramid(min_size=min_size, steps=[1]), size)
    ]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (128, [128]),
        (256, [128, 256]),
        (512, [128, 256, 512]),
        (1024, [128, 256, 512, 1024]),
        (200, [128, 200]),
        (300, [128, 196, 300]),
        (129, [128, 129]),
        (64, [64]),
    ],
)
def test_sizes_grow_from_the_coarsest_to_the_last(size, expected):
    assert sizes(size) == expected


@pytest.mark.parametrize("size", [16, 64, 512, 4000])
def test_without_a_coarsest_size_there_is_one(size):
    assert sizes(size, min_size=None) == [size]


@pytest.mark.parametrize("min_size", [16, 17, 64, 100, 128, 250])
def test_every_size_is_reached_in_steps_of_at_most_two(min_size):
    for size in [*range(16, 1200), 1999, 2048, 4097, 65535, 65536]:
        found = sizes(size, min_size)
        assert found[0] == min(min_size, size)
        assert found[-1] == size
        for before, after in pairwise(found):
            # One pixel is what rounding to whole pixels may add.
            assert before < after <= 2 * before + 1, (size, found)


def test_previews_start_like_the_large_render():
    assert {sizes(size)[0] for size in (128, 200, 512, 1000, 4096)} == {128}


def test_no_more_sizes_than_needed():
    for size in range(129, 4000):
        doublings = len(sizes(size)) - 1
        assert 128 * 2 ** (doublings - 1) < size <= 128 * 2**doublings


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([9], [9, 9, 9]),
        ([100, 60], [100, 60, 60]),
        ([100, 60, 40], [100, 60, 40]),
        ([100, 60, 40, 20], [100, 60, 40]),
    ],
)
def test_steps_count_from_the_coarsest_and_the_last_repeats(steps, expected):
    scales = schedule(Pyramid(min_size=128, steps=steps), 512)
    sizes = zip((128, 256, 512), expected, strict=True)
    assert scales == [Scale(*each, index) for index, each in enumerate(sizes)]


def test_the_example_in_the_docstring():
    failed, tried = doctest.testmod(tfstyle.engine.schedule)
    assert failed == 0 < tried
