"""tfstyle.studies.clusters and scripts/draw_mask.py."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from tfstyle.images import load_image, load_mask, save_image
from tfstyle.studies.clusters import clusters, draw_clusters, k_means


@pytest.fixture(scope="module")
def halves():
    """A picture of noise at the left, and of flat blue at the right."""
    rng = np.random.default_rng(0)
    picture = np.full((96, 128, 3), (0.2, 0.4, 0.9), np.float32)
    picture[:, :64] = rng.random((96, 64, 3), np.float32)
    return picture


class TestKMeans:
    def test_finds_what_is_apart(self):
        rng = np.random.default_rng(1)
        middles = np.array([[0, 0], [5, 5], [9, 0]])
        rows = np.repeat(middles, 40, 0) + rng.normal(0, 0.2, (120, 2))
        labels = k_means(rows, 3, np.random.default_rng(0)).reshape(3, 40)
        assert (labels == labels[:, :1]).all()
        assert len({*labels[:, 0]}) == 3

    def test_of_rows_that_are_all_the_same(self):
        labels = k_means(np.ones((6, 4)), 3, np.random.default_rng(0))
        assert {*labels} == {0}

    def test_more_than_there_are_places_is_refused(self):
        with pytest.raises(ValueError, match="4 clusters of 3 places are too many"):
            k_means(np.eye(3), 4, np.random.default_rng(0))


class TestClusters:
    def test_textures_are_parts(self, halves):
        masks = clusters(halves, "block3_conv1", 2)
        assert masks.shape == (96, 128, 2)
        np.testing.assert_allclose(masks.sum(-1), 1, atol=1e-5)
        left, right = masks[:, 8:56].mean((0, 1)), masks[:, 80:120].mean((0, 1))
        assert abs(left - right).min() > 0.7

    def test_a_seed_gives_the_same_again(self, halves):
        one, other = (clusters(halves, "block3_conv1", 4, seed=3) for _ in range(2))
        assert one.tobytes() == other.tobytes()

    def test_the_largest_is_the_first(self, halves):
        sizes = clusters(halves, "block3_conv1", 3).mean((0, 1))
        assert sizes[0] == max(sizes)

    def test_are_drawn_with_numbers(self, halves):
        masks = clusters(halves, "block3_conv1", 4)
        sheet = draw_clusters(halves, masks)
        two_rows, one_row = sheet.shape, draw_clusters(halves, masks[..., :3]).shape
        assert two_rows[1:] == one_row[1:]
        assert two_rows[0] > 1.8 * one_row[0]
        assert sheet.std() > 0.05
        assert sheet.min() >= 0
        assert sheet.max() <= 1


class TestScript:
    @pytest.fixture
    def draw(self, tmp_path, halves):
        save_image(tmp_path / "photo.png", halves)

        def run(*flags):
            pictures = ("--picture", tmp_path / "photo.png")
            output = ("--output", tmp_path / "mask.png")
            return subprocess.run(
                [sys.executable, "scripts/draw_mask.py", *pictures, *flags, *output],
                cwd=ROOT,
                capture_output=True,
                text=True,
            )

        return run

    def test_draws_a_rectangle(self, draw, tmp_path):
        done = draw("--rectangle", "0,0,0.5,1", "--feather", "0", "--invert")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [str(tmp_path / "mask.png")]
        mask = load_mask(tmp_path / "mask.png")
        assert mask.shape == (96, 128, 1)
        assert (mask[:, 64:] == 1).all()
        assert (mask[:, :64] == 0).all()

    def test_picks_parts(self, draw, tmp_path):
        flags = ("--clusters", "2", "--layer", "block3_conv1")
        assert draw(*flags).returncode == 0
        assert load_image(tmp_path / "clusters.png").ndim == 3
        assert not (tmp_path / "mask.png").exists()
        assert draw(*flags, "--pick", "1").returncode == 0
        assert 0.2 < load_mask(tmp_path / "mask.png").mean() < 0.8

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [
            ((), "here is none of them"),
            (("--color", "#fff", "--clusters", "3"), "here is --color and --clusters"),
            (("--rectangle", "0,0,1"), "--rectangle 0,0,1: give 4 numbers"),
            (("--color", "blue"), "is no color; write it as #3060c0"),
            (("--ellipse", "1,0,0,1"), "is empty"),
            (("--clusters", "2", "--layer", "block9"), "is no layer of VGG19"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, draw, flags, expected):
        done = draw(*flags)
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stderr.strip().count("\n") == 0
