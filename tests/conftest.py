"""What the tests share: small pictures, the tiny twin of VGG19, and VGG19 itself.

TensorFlow is imported only by the tests that need it, and without its start-up lines.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from tfstyle.images import fit_size, load_image, resize
from tfstyle.system.quiet import quiet_import

if "PYTEST_XDIST_WORKER" in os.environ:  # there is a process for each core
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

ROOT = Path(__file__).parent.parent
CONTENT = ROOT / "examples/content/chelsea.png"
STYLE = ROOT / "examples/style/swirls.jpg"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Import the test modules; the first of them to need TensorFlow imports it."""
    with quiet_import():
        return (yield)


def small(path, long_side):
    """Return a picture (height, width, 3), float32 in [0, 1], of that long side."""
    picture = load_image(path)
    return resize(picture, *fit_size(*picture.shape[:2], long_side))


@pytest.fixture(scope="session")
def configs():
    """The folder of the recipes."""
    return ROOT / "configs"


@pytest.fixture(scope="session")
def content_path():
    """The photograph of a cat, 451 x 300."""
    return CONTENT


@pytest.fixture(scope="session")
def style_path():
    """The painting of swirls, 768 x 608."""
    return STYLE


@pytest.fixture(scope="session")
def photo():
    """The cat, (43, 64, 3)."""
    return read_only(small(CONTENT, 64))


@pytest.fixture(scope="session")
def painting():
    """The swirls, (51, 64, 3): another size than the photo's."""
    return read_only(small(STYLE, 64))


def read_only(picture):
    picture.flags.writeable = False
    return picture


@pytest.fixture
def random():
    """A random generator, the same for every test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_network():
    """The tiny twin of VGG19: block1_conv1, block2_conv1, block4_conv2."""
    return make_tiny_network()


@pytest.fixture(scope="session")
def smooth_network():
    """The tiny twin with a smooth activation, for finite differences."""
    return make_tiny_network("softplus")


@pytest.fixture(scope="session")
def smooth_network_64():
    """The smooth twin computed in float64, with the same weights."""
    return make_tiny_network("softplus", "float64")


def make_tiny_network(activation="relu", dtype="float32"):
    """Build three convolutions with seeded weights: (1, h, w, 3) to features by name.

    block1_conv1 has 4 channels, block2_conv1 has 6 at half the size, block4_conv2 has 8
    at a quarter of it. Pictures need 4 pixels a side.
    """
    import keras

    rng = np.random.default_rng(7)
    image = keras.Input((None, None, 3), dtype=dtype)
    features, outputs = image, {}
    for name, channels in (
        ("block1_conv1", 4),
        ("block2_conv1", 6),
        ("block4_conv2", 8),
    ):
        if outputs:
            features = keras.layers.AveragePooling2D(2, dtype=dtype)(features)
        conv = keras.layers.Conv2D(
            channels, 3, padding="same", activation=activation, dtype=dtype, name=name
        )
        fan_in = 9 * features.shape[-1]
        features = outputs[name] = conv(features)
        kernel = rng.normal(0, (2 / fan_in) ** 0.5, conv.kernel.shape)
        conv.set_weights([kernel.astype("float32"), rng.normal(0, 0.1, channels)])
    return keras.Model(image, outputs, trainable=False)


@pytest.fixture(scope="session")
def tiny_kept(tiny_network):
    """What all runs on the tiny twin have in common: each graph is traced once."""
    from tiny import TinyKept

    return TinyKept(tiny_network)


@pytest.fixture
def tiny_vgg19(monkeypatch, tiny_network, tiny_kept):
    """Let a run use the tiny twin, whatever layers it asks for."""
    from tiny import TinyKept

    from tfstyle import api
    from tfstyle.engine.kept import Kept

    monkeypatch.setattr(Kept, "network", TinyKept.network)
    monkeypatch.setattr(Kept, "_network", tiny_network, raising=False)
    monkeypatch.setattr(api, "_shared", lambda: tiny_kept)
    return tiny_network


@pytest.fixture(scope="session")
def real_kept():
    """What all runs on the real VGG19 have in common, `stylize`'s as well."""
    from tfstyle import api

    return api._shared()


@pytest.fixture(scope="session")
def loaded():
    """Keras' own VGG19 with the bundled weights, as `load_vgg19` returns it."""
    from tfstyle.vgg.extractor import load_vgg19

    return load_vgg19("bundled")


@pytest.fixture(scope="session")
def vgg():
    """The extractor with all 21 layers, average pooling, filters as trained."""
    from tfstyle.vgg.extractor import vgg19
    from tfstyle.vgg.layers import VGG19_LAYERS

    return vgg19(VGG19_LAYERS)
