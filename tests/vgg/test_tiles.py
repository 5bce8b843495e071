"""tfstyle.vgg.tiles: over a tile, exactly the features of the whole picture."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.objective.cutting import cut_tiles
from tfstyle.vgg.extractor import vgg19
from tfstyle.vgg.layers import LAYERS, VGG19_LAYERS
from tfstyle.vgg.tiles import tile_network


class TestCut:
    def test_block5_conv1_needs_70_pixels_around_16(self, vgg):
        network = tile_network(vgg, ["block5_conv1"])
        assert (network.halo, network.stride) == (70, 16)  # 2 x 70 + 16 = 156

    def test_it_is_cut_at_the_deepest_layer_wanted(self):
        layers = ["block1_conv2", "block3_conv1", "block5_conv1"]
        network = tile_network(vgg19(layers), ["block1_conv2"])
        assert (network.halo, network.stride) == (2, 1)

    def test_a_pooling_aligns_tiles(self):
        network = tile_network(vgg19(["block5_pool"]), ["block5_pool"])
        assert network.stride == 32

    @pytest.mark.parametrize("name", VGG19_LAYERS)
    def test_halo_and_stride_are_those_of_the_table(self, name, vgg):
        network = tile_network(vgg, [name])
        assert network.halo == LAYERS[name].halo
        assert network.strides == {name: LAYERS[name].stride}

    def test_no_layer_leaves_the_pixels(self, vgg):
        network = tile_network(vgg, [])
        assert (network.network, network.halo, network.stride) == (None, 1, 1)
        assert network(tf.zeros((1, 4, 4, 3)), tf.zeros(4, tf.int32)) == {}


def assert_features(network, tile, picture, whole):
    """Compare the features of a tile with those that the whole has there."""
    top, left, height, width = tile.crop
    crop = picture[None, top : top + height, left : left + width]
    found = network(tf.constant(crop), tf.constant(tile.margins))
    assert found.keys() == whole.keys()
    above, below, before, after = tile.margins
    for name, features in found.items():
        stride = network.strides[name]
        rows = slice((top + above) // stride, (top + height - below) // stride)
        columns = slice((left + before) // stride, (left + width - after) // stride)
        expected = whole[name][:, rows, columns]
        scale = 1e-5 * np.abs(whole[name]).max()
        np.testing.assert_allclose(features, expected, rtol=1e-4, atol=scale)


class TestFeatures:
    def test_less_halo_changes_them(self, tiny_network, photo):
        # The halo is not wider than it has to be.
        network = tile_network(tiny_network, ["block4_conv2"])
        whole = tiny_network(photo[None])["block4_conv2"].numpy()
        stride = network.strides["block4_conv2"]
        # With one position less of it, as if the picture ended there, they differ.
        for cut, same in ((0, True), (stride, False)):
            margin = network.halo - cut
            crop, margins = photo[32 - margin :], tf.constant([margin, 0, 0, 0])
            found = network(tf.constant(crop[None]), margins)["block4_conv2"].numpy()
            inner = whole[:, 32 // stride :]
            found = found[:, -inner.shape[1] :]
            assert np.allclose(found, inner, atol=1e-5) == same

    @pytest.mark.parametrize("size", [4, 12, 100])
    def test_are_those_of_the_whole_picture_in_each_tile(
        self, size, tiny_network, photo
    ):
        network = tile_network(tiny_network, tiny_network.output)
        whole = tiny_network(photo[None])
        for tile in cut_tiles(*photo.shape[:2], size, network.halo, network.stride):
            assert_features(network, tile, photo, whole)

    @pytest.mark.parametrize("padding", ["zeros", "mirror"])
    @pytest.mark.parametrize("pooling", ["avg", "max"])
    def test_of_vgg19_whatever_its_poolings_and_borders(self, padding, pooling, photo):
        layers = ["block1_conv1", "block1_conv2", "block2_pool", "block3_conv1"]
        whole = vgg19(layers, pooling=pooling, padding=padding)
        network, expected = tile_network(whole, layers), whole(photo[None])
        assert (network.halo, network.stride) == (10, 4)
        for tile in cut_tiles(*photo.shape[:2], 24, network.halo, network.stride):
            assert_features(network, tile, photo, expected)

    def test_weights_are_the_whole_network_s(self, tiny_network):
        network = tile_network(tiny_network, ["block2_conv1"]).network
        mine = {id(each) for each in network.variables}
        assert mine <= {id(each) for each in tiny_network.variables}
        assert len(mine) == 4
