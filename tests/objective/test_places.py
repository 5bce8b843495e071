"""Sampled places: spread evenly, the same whole and in tiles."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.objective.places import guided_places, sample


def rows_and_columns(height, width):
    """Features (1, h, w, 2) that are their own place."""
    places = np.stack(np.mgrid[:height, :width], axis=-1)[None]
    return tf.constant(places, tf.float32)


def test_samples_are_features_of_the_picture():
    found = sample(rows_and_columns(9, 13), None, 50, seed=3).numpy()
    assert found.shape == (50, 2)
    assert (found == np.round(found)).all()
    assert found.min() >= 0
    assert (found.max(0) <= (8, 12)).all()


@pytest.mark.parametrize("count", [16, 64, 200])
def test_every_beginning_is_spread_over_the_picture(count):
    found = sample(rows_and_columns(40, 60), None, 200, seed=0).numpy()[:count]
    quarters = (found // (20, 30)) @ (2, 1)
    shares = np.bincount(quarters.astype(int), minlength=4) / count
    assert np.abs(shares - 0.25).max() < 0.1


def test_no_place_comes_twice_while_there_are_many():
    found = sample(rows_and_columns(64, 64), None, 1024, seed=1).numpy()
    assert len(np.unique(found, axis=0)) > 1000


def test_the_seed_chooses_the_places():
    features = rows_and_columns(40, 60)
    one, same, other = (sample(features, None, 64, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_tiles_add_up_to_the_whole():
    whole = rows_and_columns(20, 30) + 1
    total = 0
    for top, left in np.ndindex(4, 3):
        tile = whole[:, 5 * top : 5 * top + 5, 10 * left : 10 * left + 10]
        origin = tf.constant([5 * top, 10 * left, 20, 30])
        total += sample(tile, origin, 100, seed=2).numpy()
    assert np.array_equal(total, sample(whole, None, 100, seed=2))


def test_the_gradient_reaches_each_sampled_place():
    features = rows_and_columns(8, 8)
    with tf.GradientTape() as tape:
        tape.watch(features)
        total = tf.reduce_sum(sample(features, None, 10, seed=0))
    gradient = tape.gradient(total, features).numpy()
    assert gradient.sum() == 20


def test_a_tile_without_a_position_has_none_of_the_places():
    """As at the border of a picture: two rows of pixels are no row of a deep layer."""
    whole = rows_and_columns(20, 30) + 1
    found = sample(whole[:, 20:], tf.constant([20, 0, 20, 30]), 100, seed=2)
    assert found.shape == (100, 2)
    assert not np.any(found)


class TestGuidedPlaces:
    def test_of_an_even_guide_they_are_those_of_the_whole_picture(self):
        features = rows_and_columns(9, 13)
        places = guided_places(np.full((9, 13), 0.3, np.float32), 50, seed=3)
        found = sample(features, None, 50, 3, tf.constant(places))
        assert np.array_equal(found, sample(features, None, 50, seed=3))
        assert np.array_equal(found, places)

    def test_they_come_as_often_as_the_guide_asks_for(self, random):
        guide = random.random((6, 5)).astype(np.float32) ** 2
        guide[2] = guide[:, 3] = 0
        row, column = guided_places(guide, 8000, seed=1).T
        counts = np.zeros(guide.shape)
        np.add.at(counts, (row, column), 1)
        assert not counts[guide == 0].any()
        np.testing.assert_allclose(counts / 8000, guide / guide.sum(), atol=2e-3)

    def test_one_place_is_all_there_is(self):
        guide = np.zeros((7, 8), np.float32)
        guide[4, 6] = 1e-3
        assert (guided_places(guide, 20, seed=0) == (4, 6)).all()
