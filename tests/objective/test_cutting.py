"""tfstyle.objective.cutting: tiles cover a picture once, and put it together again."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.objective.cutting import crop_of, cut_tiles, put


class TestCutTiles:
    @pytest.mark.parametrize("size", [(1, 1), (16, 33), (505, 389), (1024, 100)])
    @pytest.mark.parametrize("tile", [1, 16, 100, 512])
    @pytest.mark.parametrize(("halo", "stride"), [(0, 1), (70, 16), (16, 32)])
    def test_every_pixel_is_inside_one_tile(self, size, tile, halo, stride):
        count = np.zeros(size, int)
        for each in cut_tiles(*size, tile, halo, stride):
            top, left, height, width = each.crop
            above, below, before, after = each.margins
            assert (top + above) % stride == (left + before) % stride == 0
            assert top >= 0
            assert top + height <= size[0]
            assert left >= 0
            assert left + width <= size[1]
            assert max(each.margins) <= halo
            # Less halo only where the picture ends.
            assert above == halo or top == 0
            assert below == halo or top + height == size[0]
            assert before == halo or left == 0
            assert after == halo or left + width == size[1]
            count[
                top + above : top + height - below,
                left + before : left + width - after,
            ] += 1
        assert (count == 1).all()

    def test_tiles_are_no_larger_than_asked(self):
        for tile in cut_tiles(1000, 700, 256, 70, 16):
            _, _, height, width = tile.crop
            assert height - sum(tile.margins[:2]) <= 256
            assert width - sum(tile.margins[2:]) <= 256

    def test_the_known_case(self):
        tiles = cut_tiles(64, 96, 48, 8, 16)
        crops = [(0, 0, 40, 56), (0, 40, 40, 56), (24, 0, 40, 56), (24, 40, 40, 56)]
        assert [tile.crop for tile in tiles] == crops
        margins = [(0, 8, 0, 8), (0, 8, 8, 0), (8, 0, 0, 8), (8, 0, 8, 0)]
        assert [tile.margins for tile in tiles] == margins


class TestPictures:
    @pytest.mark.parametrize("size", [4, 8, 100])
    @pytest.mark.parametrize("stride", [1, 4])
    def test_its_tiles_are_the_picture(self, size, stride, random):
        picture = random.random((1, 20, 28, 3), np.float32)
        whole = np.zeros((1, 20 // stride, 28 // stride, 3), np.float32)
        for tile in cut_tiles(20, 28, size, 3, 4):
            crop = crop_of(tf.constant(picture), tf.constant(tile.crop)).numpy()
            top, bottom, left, right = tile.margins
            _, height, width, _ = crop.shape
            inner = crop[:, top : height - bottom, left : width - right]
            put(whole, inner[:, ::stride, ::stride], tile, stride)
        np.testing.assert_array_equal(whole, picture[:, ::stride, ::stride])

    def test_halos_add_up(self):
        """As the gradients of a pixel that several tiles depend on."""
        tiles, whole = cut_tiles(8, 12, 4, 2, 4), np.zeros((1, 8, 12, 3))
        for tile in tiles:
            _, _, height, width = tile.crop
            put(whole, np.ones((1, height, width, 3)), tile, 1, halo=True)
        rows = np.array([1, 1, 2, 2, 2, 2, 1, 1])
        columns = np.array([1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1])
        expected = np.outer(rows, columns)[None, ..., None]
        np.testing.assert_array_equal(whole, np.repeat(expected, 3, axis=-1))

    def test_float16_that_overflowed_gives_no_warning(self):
        """It is found out later, and the loss scale lowered."""
        (tile,) = cut_tiles(4, 4, 4, 0, 4)
        whole = np.full((1, 4, 4, 3), -np.inf)
        put(whole, np.full((1, 4, 4, 3), np.inf, np.float16), tile, 1)
        assert np.isnan(whole).all()
