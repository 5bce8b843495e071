"""tfstyle.vgg.pretrained: weights that fit or are refused in a line, and rescaled."""

import shutil

import keras
import numpy as np
import pytest

from tfstyle.images import load_image, resize
from tfstyle.vgg.extractor import vgg19
from tfstyle.vgg.layers import VGG19_LAYERS
from tfstyle.vgg.pretrained import (
    load_vgg19,
    mean_activations,
    normalize,
)
from tfstyle.vgg.weights import weights_path

CONVOLUTIONS = [name for name in VGG19_LAYERS if "conv" in name]
HALF = 2.0**-11  # the relative precision of the bundled float16 kernels


def test_weights_are_those_of_imagenet(loaded):
    kernel, bias = loaded.get_layer("block1_conv1").get_weights()
    assert kernel.shape == (3, 3, 3, 64)
    np.testing.assert_allclose(
        kernel[0, 0, :, 0], [0.34119526, 0.46418375, 0.39416707], rtol=HALF
    )
    np.testing.assert_allclose(bias[:3], [0.7301776, 0.06493629, 0.03428847], rtol=1e-6)


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
    normalize(network, means)
    (kernel, bias), (before, bias_before) = (
        each.get_layer("block1_conv1").get_weights() for each in (network, loaded)
    )
    np.testing.assert_array_equal(kernel[..., 0], before[..., 0])
    np.testing.assert_array_equal(kernel[..., 1], before[..., 1] / 2)
    np.testing.assert_array_equal(bias[1:], bias_before[1:] / 2)


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
