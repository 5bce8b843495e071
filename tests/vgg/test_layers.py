"""tfstyle.vgg.layers: the table against the network that Keras builds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle.vgg.layers import LAYERS, VGG19_LAYERS, down_to, layer

CENTER = 176  # of a picture 352 pixels wide, a multiple of the deepest stride


@pytest.fixture(scope="module")
def keras_vgg19():
    """Keras' own, with whatever weights."""
    return keras.applications.VGG19(include_top=False, weights=None)


@pytest.fixture(scope="module")
def averaging(keras_vgg19):
    """VGG19 whose features are all above zero wherever something is seen."""
    network = keras.models.clone_model(keras_vgg19)
    for each in network.layers:
        if isinstance(each, keras.layers.Conv2D):
            kernel, bias = each.get_weights()
            mean = np.full_like(kernel, 1 / kernel[..., 0].size)
            each.set_weights([mean, np.zeros_like(bias)])
    outputs = {name: network.get_layer(name).output for name in VGG19_LAYERS}
    return keras.Model(network.input, outputs)


@pytest.fixture(scope="module")
def reach(averaging):
    """For each layer which of its columns a column of pixels reaches."""
    pixels = np.zeros((1, 32, 352, 3), np.float32)
    pixels[:, :, CENTER] = 1
    return {
        name: np.max(features, axis=(0, 1, 3)) > 0
        for name, features in averaging(pixels).items()
    }


class TestTable:
    def test_names_are_those_of_keras(self, keras_vgg19):
        assert list(VGG19_LAYERS) == [each.name for each in keras_vgg19.layers[1:]]
        assert [each.name for each in LAYERS.values()] == list(VGG19_LAYERS)
        assert len(VGG19_LAYERS) == 21

    @pytest.mark.parametrize("name", VGG19_LAYERS)
    def test_kinds_and_channels_are_those_of_keras(self, name, keras_vgg19):
        built, known = keras_vgg19.get_layer(name), LAYERS[name]
        assert known.pools == isinstance(built, keras.layers.MaxPooling2D)
        assert built.output.shape[-1] == known.channels
        if known.pools:
            assert built.pool_size == built.strides == (2, 2)
        else:
            assert built.kernel_size == (3, 3)
            assert built.strides == (1, 1)
            assert built.padding == "same"

    def test_sizes_are_the_network_s(self, vgg):
        """A side of 47 is odd after every pooling, so each of them drops a row."""
        features = vgg(tf.zeros((1, 47, 70, 3)))
        for name, known in LAYERS.items():
            shape = 1, 47 // known.stride, 70 // known.stride, known.channels
            assert features[name].shape == shape, name

    @pytest.mark.parametrize("name", VGG19_LAYERS)
    def test_halos_are_the_network_s(self, name, reach):
        """A column of pixels reaches just those positions that depend on it."""
        known, reached = LAYERS[name], reach[name]
        positions = np.arange(len(reached)) * known.stride
        first = positions - known.halo  # pixels that each position depends on
        last = positions + known.stride - 1 + known.halo
        np.testing.assert_array_equal(reached, (first <= CENTER) & (last >= CENTER))
        assert not reached[[0, -1]].any(), "the picture is too small"

    @pytest.mark.parametrize(
        ("name", "channels", "stride", "halo"),
        [
            ("block1_conv1", 64, 1, 1),
            ("block1_conv2", 64, 1, 2),
            ("block1_pool", 64, 2, 2),
            ("block2_conv1", 128, 2, 4),
            ("block3_conv1", 256, 4, 10),
            ("block4_conv2", 512, 8, 38),
            ("block5_conv1", 512, 16, 70),
            ("block5_conv4", 512, 16, 118),
            ("block5_pool", 512, 32, 118),
        ],
    )
    def test_known_rows(self, name, channels, stride, halo):
        known = layer(name)
        assert known == (name, channels, stride, halo, "pool" in name)
        assert known.min_side == stride
        assert known.floats_per_pixel == channels / stride**2


class TestTrainedNetwork:
    """What its features depend on, by their gradients and by other pixels."""

    @pytest.mark.parametrize(
        ("name", "halo"),
        [
            ("block1_conv1", 1),
            ("block2_conv1", 4),
            ("block3_conv1", 10),
            ("block5_conv1", 70),
        ],
    )
    def test_a_position_depends_on_its_halo(self, name, halo, vgg, random):
        stride = LAYERS[name].stride
        place = -(-(halo + 8) // stride)  # whose halo ends 8 pixels inside, or more
        first, last = place * stride - halo, (place + 1) * stride + halo
        image = tf.constant(random.random((1, 32, last + 8, 3)), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(image)
            found = tf.reduce_sum(vgg(image)[name][:, :, place])
        slopes = np.abs(tape.gradient(found, image)).max(axis=(0, 1, 3))
        columns = np.flatnonzero(slopes)
        assert (columns[0], columns[-1]) == (first, last - 1)

    @pytest.mark.parametrize("name", ["block1_conv2", "block2_conv1", "block3_conv1"])
    def test_other_pixels_beyond_it_change_nothing(self, name, vgg, photo, random):
        halo, stride = LAYERS[name].halo, LAYERS[name].stride
        place, changed = 24 // stride, []
        for cut in (0, 1):
            other = random.random(photo.shape, np.float32)
            first = max(0, place * stride - halo + cut)
            last = (place + 1) * stride + halo - cut
            other[:, first:last] = photo[:, first:last]
            values = [vgg(each[None])[name][:, :, place] for each in (photo, other)]
            error = np.abs(values[0] - values[1]).max()
            changed.append(error > 1e-5 * np.abs(values[0]).max())
        assert changed == [False, True]


class TestMinSide:
    @pytest.mark.parametrize(
        ("name", "pixels"),
        [
            ("block1_conv1", 1),
            ("block1_conv2", 1),
            ("block1_pool", 2),
            ("block2_conv1", 2),
            ("block4_conv2", 8),
            ("block5_conv4", 16),
            ("block5_pool", 32),
        ],
    )
    def test_doubles_with_each_pooling(self, name, pixels):
        assert layer(name).min_side == pixels

    @pytest.mark.parametrize("name", VGG19_LAYERS)
    def test_leaves_one_position(self, name, keras_vgg19):
        side = layer(name).min_side
        for pixels, positions in ((side, 1), (2 * side - 1, 1), (2 * side, 2)):
            shape = (1, pixels, pixels, 3)
            for each in keras_vgg19.layers[1 : VGG19_LAYERS.index(name) + 2]:
                shape = each.compute_output_shape(shape)
            assert shape[1:3] == (positions, positions)


class TestNames:
    def test_the_network_down_to_some_layers(self):
        names = [each.name for each in down_to(["block2_conv1", "block1_conv1"])]
        assert names == list(VGG19_LAYERS[:4])
        assert down_to([]) == []
        assert len(down_to(["block5_pool"])) == 21

    @pytest.mark.parametrize("call", [layer, lambda name: down_to([name])])
    def test_an_unknown_one_suggests_a_known_one(self, call):
        with pytest.raises(ValueError, match=r"'block4_conv5'.*did you mean block4_c"):
            call("block4_conv5")

    def test_nobody_can_change_the_table(self):
        with pytest.raises(TypeError):
            LAYERS["block1_conv1"] = LAYERS["block1_conv2"]
