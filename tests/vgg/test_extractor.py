"""tfstyle.vgg.extractor: the very network of Keras, and one-line errors for bad weights."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle.images import load_image, resize
from tfstyle.vgg import extractor
from tfstyle.vgg.extractor import load_vgg19, mean_activations, vgg19
from tfstyle.vgg.layers import VGG19_LAYERS, min_side
from tfstyle.vgg.weights import weights_path

CHANNELS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
CONVOLUTIONS = [name for name in VGG19_LAYERS if "conv" in name]
HALF = 2.0**-11  # the relative precision of the bundled float16 kernels


@pytest.fixture
def no_reading(monkeypatch, loaded):
    """Let `vgg19` share one loaded network; not for `normalized`, which changes it."""
    monkeypatch.setattr(extractor, "load_vgg19", lambda weights: loaded)


# The network


def test_weights_are_those_of_imagenet(loaded):
    kernel, bias = loaded.get_layer("block1_conv1").get_weights()
    assert kernel.shape == (3, 3, 3, 64)
    np.testing.assert_allclose(
        kernel[0, 0, :, 0], [0.34119526, 0.46418375, 0.39416707], rtol=HALF
    )
    np.testing.assert_allclose(bias[:3], [0.7301776, 0.06493629, 0.03428847], rtol=1e-6)


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
        shrunk = min_side(name)
        channels = CHANNELS[int(name[len("block")])]
        assert values.shape == (1, 37 // shrunk, 70 // shrunk, channels), name
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


# Normalized filters


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_normalized_features_are_the_plain_ones_by_their_means(pooling, photo):
    plain = vgg19(VGG19_LAYERS, pooling=pooling)(photo[None])
    normalized = vgg19(VGG19_LAYERS, pooling=pooling, normalized=True)(photo[None])
    means = mean_activations()
    assert sorted(means) == sorted(CONVOLUTIONS)
    mean = None
    for name in VGG19_LAYERS:
        mean = means.get(name, mean)  # a pooling has its convolution's
        np.testing.assert_allclose(
            normalized[name] * mean,
            plain[name],
            rtol=1e-4,
            atol=1e-4 * np.max(plain[name]),
            err_msg=name,
        )


def test_normalized_features_are_one_on_average(content_path):
    network = vgg19(CONVOLUTIONS, pooling="max", normalized=True)
    # Nearly as large as when the means were measured: small pictures are busier.
    coffee = resize(load_image(content_path.with_name("coffee.png")), 267, 400)
    for name, values in network(coffee[None]).items():
        assert 0.5 < np.mean(values) < 2, name


def test_a_channel_that_never_fires_keeps_its_scale(loaded):
    network = keras.models.clone_model(loaded)
    network.set_weights(loaded.get_weights())
    means = {name: np.ones(1) for name in CONVOLUTIONS}
    means["block1_conv1"] = np.array([0.0, *[2.0] * 63])
    extractor.normalize(network, means)
    (kernel, bias), (before, bias_before) = (
        each.get_layer("block1_conv1").get_weights() for each in (network, loaded)
    )
    np.testing.assert_array_equal(kernel[..., 0], before[..., 0])
    np.testing.assert_array_equal(kernel[..., 1], before[..., 1] / 2)
    np.testing.assert_array_equal(bias[1:], bias_before[1:] / 2)


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


# Weights that cannot be


def assert_refused(weights, *words):
    """Expect one line that names the file and the way out."""
    with pytest.raises(ValueError, match="weights") as caught:
        load_vgg19(str(weights))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


@pytest.fixture
def bundled():
    return weights_path("bundled")


@pytest.fixture
def bundle(monkeypatch, tmp_path):
    """The folder of the bundled weights, for a test to spoil."""
    monkeypatch.setattr("tfstyle.vgg.weights.files", lambda package: tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_missing_weights(tmp_path):
    path = tmp_path / "none.weights.h5"
    assert_refused(path, str(path), "no such file", "extractor.weights=bundled")


def test_a_folder_of_weights(tmp_path):
    assert_refused(tmp_path, str(tmp_path), "extractor.weights=bundled")


@pytest.mark.filterwarnings("ignore")  # a warning alone would stop no user
@pytest.mark.parametrize("name", ["cut.weights.h5", "cut.h5"])
def test_truncated_weights(name, bundled, tmp_path):
    path = tmp_path / name
    path.write_bytes(bundled.read_bytes()[:1_000_000])
    assert_refused(path, str(path), "Keras' VGG19", "extractor.weights=bundled")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("content", ["not weights at all\n", ""])
def test_a_text_file_as_weights(content, tmp_path):
    path = tmp_path / "text.weights.h5"
    path.write_text(content)
    assert_refused(path, str(path), "Keras' VGG19", "extractor.weights=bundled")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_of_another_network(suffix, tiny_network, tmp_path):
    path = tmp_path / f"tiny{suffix}"
    if suffix == ".h5":
        tiny_network.save(path)
    else:
        tiny_network.save_weights(path)
    assert_refused(path, str(path), "Keras' VGG19", "extractor.weights=bundled")


@pytest.mark.filterwarnings("ignore")
def test_weights_of_vgg16(tmp_path):
    # The likeliest mistake: its first four convolutions have the same shapes.
    path = tmp_path / "vgg16.weights.h5"
    keras.applications.VGG16(include_top=False, weights=None).save_weights(path)
    assert_refused(path, str(path), "Keras' VGG19", "extractor.weights=bundled")


def test_weights_of_an_unknown_kind(bundled, tmp_path):
    path = tmp_path / "vgg19.npz"
    shutil.copy(bundled, path)
    assert_refused(path, str(path), ".weights.h5", "extractor.weights=bundled")


def test_a_copy_of_the_bundled_weights_is_welcome(bundled, loaded, tmp_path):
    path = tmp_path / "copy.weights.h5"
    shutil.copy(bundled, path)
    for mine, theirs in zip(
        load_vgg19(str(path)).get_weights(), loaded.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_damaged_bundled_weights(bundled, bundle):
    data = bytearray(bundled.read_bytes())
    data[len(data) // 2] ^= 1  # one bit
    path = bundle / bundled.name
    path.write_bytes(data)
    assert_refused("bundled", str(path), "damaged", "install tfstyle again")


def test_missing_bundled_weights(bundle):
    assert_refused("bundled", str(bundle), "no such file", "install tfstyle again")


def test_a_download_that_fails_points_at_the_bundled_weights(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("URL fetch failure:\n[Errno 111] Connection refused")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", unreachable)
    assert_refused("imagenet", "Connection refused", "extractor.weights=bundled")


def test_a_download_that_succeeds_is_loaded(monkeypatch, bundled, loaded):
    asked = []

    def get_file(name, *_, cache_subdir, **__):
        asked.append(f"{cache_subdir}/{name}")
        return str(bundled)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    network = load_vgg19("imagenet")
    assert weights_path("imagenet").as_posix().endswith(asked[0])
    for mine, theirs in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
