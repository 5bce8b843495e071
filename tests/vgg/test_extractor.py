"""tfstyle.vgg.extractor: the very network of Keras, cut where it is asked for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfstyle
from tfstyle.engine.kept import Kept
from tfstyle.vgg import extractor
from tfstyle.vgg.extractor import cut, pretrained, vgg19
from tfstyle.vgg.layers import LAYERS, VGG19_LAYERS

CONVOLUTIONS = [name for name in VGG19_LAYERS if "conv" in name]


@pytest.fixture
def no_reading(monkeypatch, loaded):
    """Let `vgg19` have one loaded network; not for `normalized`, which changes it."""
    monkeypatch.setattr(extractor, "load_vgg19", lambda weights: loaded)


# The network


def test_first_layer_is_a_convolution_of_bgr_pixels_without_their_means(vgg, random):
    image = random.random((6, 5, 3), np.float32)
    kernel, bias = vgg.get_layer("block1_conv1").get_weights()
    pixels = image[..., ::-1] * 255.0 - [103.939, 116.779, 123.68]
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)))
    expected = np.empty((6, 5, 64))
    for y, x in np.ndindex(6, 5):
        window = padded[y : y + 3, x : x + 3]
        expected[y, x] = np.tensordot(window, kernel, 3) + bias
    features = vgg19(["block1_conv1"])(image[None])["block1_conv1"][0]
    np.testing.assert_allclose(features, np.maximum(expected, 0), atol=1e-3)
    assert (expected < -1).any(), "no pixel tests the ReLU"


def test_every_layer_has_its_shape(vgg, random):
    features = vgg(random.random((1, 37, 70, 3), np.float32))
    assert list(features) == list(VGG19_LAYERS)
    for name, values in features.items():
        stride, channels = LAYERS[name].stride, LAYERS[name].channels
        assert values.shape == (1, 37 // stride, 70 // stride, channels), name
        assert np.abs(values).max() > 0, name


@pytest.mark.usefixtures("no_reading")
@pytest.mark.parametrize("name", VGG19_LAYERS)
def test_network_ends_at_the_deepest_layer_asked_for(name):
    network = vgg19([name])
    assert list(network.output) == [name]
    layers = [layer.name for layer in network.layers if layer.name in VGG19_LAYERS]
    assert layers == list(VGG19_LAYERS[: VGG19_LAYERS.index(name) + 1])


@pytest.mark.usefixtures("no_reading")
def test_layers_come_from_shallow_to_deep_however_asked_for():
    asked = ("block3_conv1", "block1_pool", "block1_pool", "block2_conv2")
    assert list(vgg19(asked).output) == ["block1_pool", "block2_conv2", "block3_conv1"]


def test_nothing_can_be_trained(vgg):
    assert not vgg.trainable_variables
    assert len(vgg.variables) == 2 * len(CONVOLUTIONS)


def test_an_image_has_a_gradient(vgg, random):
    image = tf.constant(random.random((1, 32, 32, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = tf.reduce_sum(vgg(image)["block5_pool"])
    assert np.abs(tape.gradient(value, image)).max() > 0


# Pooling


@pytest.mark.usefixtures("no_reading")
@pytest.mark.parametrize(("pooling", "reduced"), [("avg", np.mean), ("max", np.max)])
def test_pooling_is_the_one_asked_for(pooling, reduced, photo):
    network = vgg19(["block1_conv2", "block1_pool", "block2_conv1"], pooling=pooling)
    features = network(photo[None, :42])
    before = features["block1_conv2"].numpy().reshape(21, 2, 32, 2, 64)
    np.testing.assert_allclose(
        features["block1_pool"][0], reduced(before, axis=(1, 3)), rtol=1e-4, atol=1e-3
    )
    assert features["block2_conv1"].shape == (1, 21, 32, 128)


@pytest.mark.usefixtures("no_reading")
def test_poolings_differ_only_below_the_first(photo):
    layers = ["block1_conv2", "block2_conv1"]
    average, maximum = (vgg19(layers, pooling=p)(photo[None]) for p in ("avg", "max"))
    np.testing.assert_allclose(
        average["block1_conv2"], maximum["block1_conv2"], rtol=1e-5
    )
    difference = np.abs(average["block2_conv1"] - maximum["block2_conv1"])
    assert difference.mean() > 0.05 * np.mean(average["block2_conv1"])


# Precision


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_computes_nearly_the_same(precision, vgg, photo):
    before = keras.config.dtype_policy().name
    network = vgg19(["block1_conv1", "block4_conv2"], precision=precision)
    assert keras.config.dtype_policy().name == before
    assert {variable.dtype for variable in network.variables} == {"float32"}
    expected = vgg(photo[None])
    for name, features in network(photo[None]).items():
        assert features.dtype == precision
        error = np.asarray(features, np.float32) - expected[name]
        assert 0 < np.linalg.norm(error) < 0.03 * np.linalg.norm(expected[name])


# Layers that cannot be


def test_an_unknown_layer_suggests_a_known_one():
    with pytest.raises(
        ValueError, match=r"'block4_conv5'.*did you mean block4_conv"
    ) as e:
        vgg19(["block1_conv1", "block4_conv5"])
    assert "\n" not in str(e.value)


def test_a_layer_unlike_any_other_is_told_what_there_is():
    with pytest.raises(ValueError, match=r"'relu99'.*block1_conv1"):
        vgg19(["relu99"])


def test_no_layer_at_all():
    with pytest.raises(ValueError, match="no layer was asked for"):
        vgg19([])


# Borders


def first_layer(image, network, padding):
    """block1_conv1 in NumPy."""
    kernel, bias = network.get_layer("block1_conv1").get_weights()
    pixels = image[..., ::-1] * 255.0 - [103.939, 116.779, 123.68]
    mode = {"zeros": "constant", "mirror": "symmetric"}[padding]
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    found = np.einsum("hwcij,ijcd->hwd", windows, kernel) + bias
    return np.maximum(found, 0)


@pytest.mark.usefixtures("no_reading")
@pytest.mark.parametrize("padding", ["zeros", "mirror"])
def test_borders_are_as_asked_for(padding, vgg, random):
    image = random.random((6, 5, 3), np.float32)
    network = vgg19(["block1_conv1"], padding=padding)
    found = network(image[None])["block1_conv1"][0]
    expected = first_layer(image, vgg, padding)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    other = {"zeros": "mirror", "mirror": "zeros"}[padding]
    border = np.abs(found - first_layer(image, vgg, other)) > 1
    assert border.any()
    assert not border[1:-1, 1:-1].any()


@pytest.mark.usefixtures("no_reading")
def test_mirrored_borders_change_no_layer_s_size(vgg, photo):
    layers = ["block1_conv1", "block2_pool", "block3_conv1"]
    found = vgg19(layers, padding="mirror")(photo[None])
    expected = vgg(photo[None])
    assert list(found) == layers
    for name in layers:
        assert found[name].shape == expected[name].shape
        # Far from the borders nothing is any different.
        margin = -(-LAYERS[name].halo // LAYERS[name].stride)
        inner = np.s_[:, margin:-margin, margin:-margin]
        np.testing.assert_allclose(
            found[name][inner], expected[name][inner], rtol=1e-4, atol=1e-2
        )


# Several extractors of one network


@pytest.fixture(scope="module")
def whole_network():
    return pretrained()


def test_extractors_have_their_weights_in_common(whole_network):
    shallow = cut(whole_network, ["block1_conv1"])
    deep = cut(whole_network, ["block2_conv1"], pooling="max")
    kernels = [
        each.get_layer("block1_conv1").kernel for each in (shallow, deep, whole_network)
    ]
    assert kernels[0] is kernels[1] is kernels[2]


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_an_extractor_is_as_good_as_one_of_its_own(pooling, whole_network, photo):
    """Whatever else was cut from the same network before."""
    for before in ("max", "avg"):
        cut(whole_network, ["block2_pool"], before)
    layers = ["block1_pool", "block3_conv1"]
    found = cut(whole_network, layers, pooling)(photo[None])
    expected = vgg19(layers, pooling=pooling)(photo[None])
    assert found.keys() == expected.keys()
    for name, features in expected.items():
        np.testing.assert_array_equal(found[name], features)


# Where the process puts channels first


@pytest.fixture
def channels_first():
    """Let this be Keras' own setting for a test."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


@pytest.mark.usefixtures("channels_first")
def test_channels_are_last_whatever_the_process_has_set(vgg, photo):
    layers = ["block1_conv1", "block1_pool", "block3_conv1"]
    found = vgg19(layers)(photo[None])
    assert keras.config.image_data_format() == "channels_first"
    expected = vgg(photo[None])
    for name in layers:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.usefixtures("channels_first")
def test_stylize_works_and_leaves_the_setting(photo, painting, monkeypatch):
    options = {
        "size": 48,
        "pyramid": {"min_size": None, "steps": [2]},
        "optimizer.history": 2,
        "precision": "float32",
    }
    images, seen = [], []

    def look(step):
        seen.append(keras.config.image_data_format())

    for order in ("channels_first", "channels_last"):
        keras.config.set_image_data_format(order)
        kept = Kept()  # nothing that was built before
        monkeypatch.setattr("tfstyle.api._shared", lambda kept=kept: kept)
        result = tfstyle.stylize(photo, painting, on_step=look, **options)
        images.append(result.image)
        assert keras.config.image_data_format() == order
    assert seen == ["channels_first"] * 3 + ["channels_last"] * 3
    np.testing.assert_array_equal(*images)
