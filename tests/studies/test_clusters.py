"""tfstyle.studies.clusters and scripts/draw_mask.py."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from tfstyle.images import load_image, load_mask, save_image
from tfstyle.studies.clusters import clusters, draw_clusters, k_means, merged


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

    def test_each_row_is_in_the_cluster_whose_mean_is_nearest(self, random):
        rows = random.normal(0, 1, (90, 3))
        labels = k_means(rows, 7, random)
        means = np.array([rows[labels == i].mean(0) for i in range(7)])
        apart = np.linalg.norm(rows[:, None] - means, axis=-1)
        np.testing.assert_array_equal(labels, apart.argmin(1))

    def test_has_no_more_clusters_than_rows_that_differ(self):
        rows = np.repeat([[0.1, 0.2], [3.0, 1.0]], [6, 4], axis=0)
        labels = k_means(rows, 4, np.random.default_rng(0))
        assert [len({*labels[:6]}), len({*labels[6:]}), len({*labels})] == [1, 1, 2]


class TestMerging:
    @pytest.mark.parametrize("seed", range(5))
    def test_finds_what_is_apart(self, random, seed):
        middles = np.array([[0, 0], [5, 0], [0, 5]])
        rows = np.repeat(middles, 40, 0) + random.normal(0, 0.3, (120, 2))
        labels = k_means(rows, 12, np.random.default_rng(seed))
        labels = merged(rows, labels, 3).reshape(3, 40)
        assert (labels == labels[:, :1]).all()
        assert {*labels[:, 0]} == {0, 1, 2}

    def test_begins_with_the_small_ones_where_all_are_as_far(self):
        """A known case: three means on a line, of 50, 50 and 2 rows."""
        rows = np.repeat([[0.0], [1.0], [2.0]], [50, 50, 2], axis=0)
        labels = np.repeat([0, 1, 2], [50, 50, 2])
        found = merged(rows, labels, 2)
        assert (found[:50] == found[0]).all()
        assert (found[50:] == found[-1]).all()
        assert found[0] != found[-1]


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

    @pytest.mark.parametrize("seed", range(3))
    def test_a_sky_is_one_part(self, random, seed):
        """Blue above and white below, with a cloud, over dark ground with a tower."""
        fade = np.linspace(0, 1, 60)[:, None, None]
        picture = np.full((96, 128, 3), (0.2, 0.25, 0.1), np.float32)
        picture[:60] = (0.25, 0.5, 0.9) + fade * np.array((0.5, 0.35, 0.05))
        picture[16:26, 20:60] += 0.5 * (0.95 - picture[16:26, 20:60])
        sky = np.ones((96, 128), bool)
        sky[60:] = sky[36:, 84:100] = False
        noise = random.normal(0, 0.1, picture.shape)
        picture[~sky] = np.clip((0.2, 0.25, 0.1) + noise[~sky], 0, 1)
        masks = clusters(picture, "block4_conv2", 4, seed) > 0.5
        both, either = masks & sky[..., None], masks | sky[..., None]
        assert (both.sum((0, 1)) / either.sum((0, 1))).max() > 0.9

    def test_of_a_large_picture_are_smaller_than_it(self, halves):
        large = np.repeat(np.repeat(halves, 10, axis=0), 10, axis=1)
        masks = clusters(large, "block3_conv1", 2)
        assert masks.shape == (768, 1024, 2)
        assert draw_clusters(large, masks).ndim == 3

    @pytest.mark.parametrize(
        ("size", "layer", "complaint"),
        [
            ((40, 20), "block5_pool", "needs 32 x 32; choose a shallower layer"),
            (
                (32, 32),
                "block5_pool",
                "finds only 1 of 3 parts in the picture; ask for",
            ),
            ((40, 20), "block9", "is no layer of VGG19"),
        ],
    )
    def test_more_than_there_can_be_are_refused(self, size, layer, complaint):
        with pytest.raises(ValueError, match=complaint):
            clusters(np.full((*size, 3), 0.5, np.float32), layer, 3)

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

        def run(*flags, output="mask.png"):
            pictures = ("--picture", tmp_path / "photo.png")
            output = ("--output", tmp_path / output)
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
            (("--rectangle", "0,0,a,1"), "--rectangle 0,0,a,1: give 4 numbers"),
            (("--rectangle", "0,0,1.5,1"), "is empty or not within the picture"),
            (("--rectangle", "0,nan,1,1"), "is empty or not within the picture"),
            (("--ellipse", "1,0,0,1"), "is empty or not within the picture"),
            (("--color", "#3060c0", "--tolerance", "nan"), "--tolerance nan: give"),
            (("--color", "#3060c0", "--feather", "nan"), "give 0 to 1000 pixels"),
            (("--color", "#3060c0", "--feather", "-1"), "--feather=-1"),
            (("--color", "#3060c0", "--pick", "1"), "--pick chooses among --clusters"),
            (("--clusters", "1"), "not an integer in the range [2, 32]"),
            (("--clusters", "2", "--seed", "-1"), "--seed=-1"),
            (("--clusters", "2", "--pick="), "--pick has none: give whole numbers"),
            (("--clusters", "2", "--pick", "sky"), "--pick sky: give whole numbers"),
            (("--clusters", "2", "--pick", "3"), "--pick 3: the parts are 1 to 2"),
            (("--clusters", "2", "--layer", "block9"), "is no layer of VGG19"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, draw, tmp_path, flags, expected):
        done = draw(*flags)
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stderr.strip().count("\n") == 0
        assert [each.name for each in tmp_path.iterdir()] == ["photo.png"]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("clusters.png", "where the parts are drawn with their numbers"),
            ("Clusters.PNG", "where the parts are drawn with their numbers"),
            ("photo.png", "would be overwritten by"),
        ],
    )
    def test_no_other_picture_is_overwritten(self, draw, tmp_path, name, expected):
        before = (tmp_path / "photo.png").read_bytes()
        done = draw("--clusters", "2", output=name)
        assert done.returncode == 2
        assert expected in done.stderr
        assert [each.name for each in tmp_path.iterdir()] == ["photo.png"]
        assert (tmp_path / "photo.png").read_bytes() == before
