"""Each recipe in configs/ is the objective it is named after.

The original formulas are written here a second time, in NumPy, over features that come
from Keras' VGG19 without any of tfstyle's code.
"""

from types import SimpleNamespace

import golden
import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import make_inputs

from tfstyle.config import load_config
from tfstyle.config.neural_style import translate
from tfstyle.config.schema import validate
from tfstyle.engine.context import Context
from tfstyle.images import fit_size, resize
from tfstyle.vgg.weights import bundled_file, weights_path

STYLE_LAYERS = [f"block{block}_conv1" for block in range(1, 6)]


@pytest.fixture(scope="module")
def keras_vgg19():
    network = keras.applications.VGG19(include_top=False, weights=None)
    network.load_weights(weights_path("bundled"))
    return network


@pytest.fixture(scope="module")
def max_pooled(keras_vgg19):
    """Picture to {layer: F, (M, C)}, in float64, of the network as it was trained."""
    return features_of(keras_vgg19)


@pytest.fixture(scope="module")
def average_pooled(keras_vgg19):
    """The same with its poolings replaced."""

    def replaced(layer):
        if isinstance(layer, keras.layers.MaxPooling2D):
            return keras.layers.AveragePooling2D((2, 2), (2, 2), name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    network = keras.models.clone_model(keras_vgg19, clone_function=replaced)
    network.set_weights(keras_vgg19.get_weights())
    return features_of(network)


def features_of(network):
    names = [*STYLE_LAYERS, "block4_conv2", "block5_conv2"]
    cut = keras.Model(
        network.input, {name: network.get_layer(name).output for name in names}
    )

    def features(picture):
        pixels = 255 * np.array(picture[None], np.float32)
        found = cut(keras.applications.vgg19.preprocess_input(pixels))
        return {
            name: np.asarray(values, np.float64).reshape(-1, values.shape[-1])
            for name, values in found.items()
        }

    return features


@pytest.fixture(scope="module")
def pictures(photo, painting):
    """Content, style and an image that is neither."""
    noise = np.random.default_rng(3).random(photo.shape, np.float32)
    return SimpleNamespace(
        content=photo,
        style=painting,
        style_cut=resize(painting, *photo.shape[:2]),  # of the content's size
        image=(0.7 * photo[:, ::-1] + 0.3 * noise).astype(np.float32),
    )


@pytest.fixture
def our_terms(real_kept):
    """Return content, style and variation as they enter the total, and the total."""

    def measure(config, image, content, *styles):
        config = config.with_overrides({"size": max(content.shape)})
        context = Context(config, make_inputs(content, *styles), "float32")
        (scale,) = context.scales
        objective = real_kept.objective(context, scale, context.plan(scale))
        real_kept.trim()
        options = config.objective
        weights = options.content_weight, options.style_weight, options.tv_weight
        total, *each = objective.losses(tf.constant(image[None])).values()
        return [*np.multiply(weights, each), total]

    return measure


def variation(image, scale=1.0):
    image = scale * np.asarray(image, np.float64)
    return np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum()


def assert_terms(found, content, style, smoothness):
    """What differs is rounding: features are of float32, and so are our sums of them.

    At most 1e-6 was measured, on a CPU.
    """
    assert content > 0 < style
    expected = [content, style, smoothness, content + style + smoothness]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# The formulas


def test_paper(configs, pictures, average_pooled, our_terms):
    """Gatys, Ecker & Bethge (2016), eq. 1-7, with alpha / beta = 1e-4."""
    means = dict(np.load(bundled_file("vgg19_mean_activations.npz")))

    def normalized(picture):
        return {
            name: features / means[name]
            for name, features in average_pooled(picture).items()
        }

    # The paper's G is a sum over positions: it has style pictures of the image's size.
    f, p, s = map(normalized, (pictures.image, pictures.content, pictures.style_cut))
    content = 0.5 * np.sum((f["block4_conv2"] - p["block4_conv2"]) ** 2)
    style = 0.0
    for layer in STYLE_LAYERS:
        m, n = f[layer].shape
        g, a = f[layer].T @ f[layer], s[layer].T @ s[layer]
        style += 1 / 5 * np.sum((g - a) ** 2) / (4 * n**2 * m**2)
    alpha, beta = 1.0, 1e4

    config = load_config(configs / "paper.yaml")
    found = our_terms(config, pictures.image, pictures.content, pictures.style_cut)
    assert_terms(found, alpha * content, beta * style, 0)


def neural_style(
    features,
    pictures,
    *styles,
    content_weight=5,
    style_weight=100,
    tv_weight=1e-3,
    content_layers=("block4_conv2",),
    style_layers=STYLE_LAYERS,
):
    """Johnson's neural-style, in its PyTorch port: pixels of 0..255, means of squares.

    The Gram matrix F Fᵀ is divided by the number of elements of F. `styles` are pairs
    of a picture and its blend weight.
    """
    f, p = features(pictures.image), features(pictures.content)
    seen = [(features(picture), weight) for picture, weight in styles]
    content = sum(np.mean((f[layer] - p[layer]) ** 2) for layer in content_layers)
    style = 0.0
    for layer in style_layers:
        g = f[layer].T @ f[layer] / f[layer].size
        a = np.zeros_like(g)
        for s, weight in seen:
            share = weight / sum(each for _, each in seen)
            a += share * s[layer].T @ s[layer] / s[layer].size
        style += np.mean((g - a) ** 2)
    smoothness = tv_weight * variation(pictures.image, 255)
    return content_weight * content, style_weight * style, smoothness


def test_neural_style(configs, pictures, max_pooled, our_terms):
    config = load_config(configs / "neural_style.yaml")
    found = our_terms(config, pictures.image, pictures.content, pictures.style)
    assert_terms(found, *neural_style(max_pooled, pictures, (pictures.style, 1)))


# Its README's examples: the basic usage, Pitt as Picasso, layers of one's own.
LINES = [
    ("", {}),
    ("-style_weight 1500 -tv_weight 0", {"style_weight": 1500, "tv_weight": 0}),
    (
        "-content_weight 0.025 -style_weight 10",
        {"content_weight": 0.025, "style_weight": 10},
    ),
    (
        "-content_layers relu4_2,relu5_2 -style_layers relu3_1",
        {
            "content_layers": ("block4_conv2", "block5_conv2"),
            "style_layers": ["block3_conv1"],
        },
    ),
]


@pytest.mark.parametrize(("line", "options"), LINES)
def test_lines_of_neural_style(line, options, pictures, max_pooled, our_terms):
    config = translated(f"-style_image a.jpg -content_image b.jpg {line}")
    found = our_terms(config, pictures.image, pictures.content, pictures.style)
    expected = neural_style(max_pooled, pictures, (pictures.style, 1), **options)
    assert_terms(found, *expected)


def test_a_line_of_neural_style_with_average_pooling(
    pictures, average_pooled, our_terms
):
    config = translated("-style_image a.jpg -content_image b.jpg -pooling avg")
    found = our_terms(config, pictures.image, pictures.content, pictures.style)
    assert_terms(found, *neural_style(average_pooled, pictures, (pictures.style, 1)))


@pytest.mark.parametrize("blend", [(3, 7), (5, 5), (0, 1), None])
def test_styles_are_blended_as_in_neural_style(blend, pictures, max_pooled, our_terms):
    """As "The Starry Night" and "The Scream" are there; equally if nothing is said."""
    line = "-style_image a.jpg,c.jpg -content_image b.jpg"
    if blend:
        line += f" -style_blend_weights {blend[0]},{blend[1]}"
    both = pictures.style, pictures.content[::-1]
    found = our_terms(translated(line), pictures.image, pictures.content, *both)
    pairs = zip(both, blend or (1, 1), strict=True)
    assert_terms(found, *neural_style(max_pooled, pictures, *pairs))


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.5])
def test_styles_are_scaled_as_in_neural_style(scale, pictures, max_pooled, our_terms):
    """The style's long side is -style_scale times -image_size."""
    line = f"-style_image a.jpg -content_image b.jpg -style_scale {scale}"
    found = our_terms(
        translated(line), pictures.image, pictures.content, pictures.style
    )
    long_side = round(scale * max(pictures.content.shape))
    scaled = resize(pictures.style, *fit_size(*pictures.style.shape[:2], long_side))
    assert_terms(found, *neural_style(max_pooled, pictures, (scaled, 1)))


def translated(line):
    return validate(translate(line.split())[0])


def test_tutorial(configs, pictures, max_pooled, our_terms):
    """TensorFlow's tutorial: a mean over its five style layers, a sum for variation."""
    f, p, s = map(max_pooled, (pictures.image, pictures.content, pictures.style))
    content = 1e4 * np.mean((f["block5_conv2"] - p["block5_conv2"]) ** 2)
    style = 0.0
    for layer in STYLE_LAYERS:
        g = f[layer].T @ f[layer] / len(f[layer])
        a = s[layer].T @ s[layer] / len(s[layer])
        style += 1e-2 / 5 * np.mean((g - a) ** 2)
    smoothness = 30 * variation(pictures.image)

    config = load_config(configs / "tutorial.yaml")
    found = our_terms(config, pictures.image, pictures.content, pictures.style)
    assert_terms(found, content, style, smoothness)


# The rest of a recipe


@pytest.mark.parametrize(
    ("name", "pooling", "start", "optimizer", "steps"),
    [
        ("paper", "avg", "noise", "lbfgs", 500),
        ("neural_style", "max", "content", "lbfgs", 1000),
        ("tutorial", "max", "content", "adam", 1000),
    ],
)
def test_recipes_run_as_their_originals(
    configs, name, pooling, start, optimizer, steps
):
    config = load_config(configs / f"{name}.yaml")
    assert config.extractor.pooling == pooling
    assert config.init == start
    assert config.optimizer.name == optimizer
    assert config.size == 512
    assert config.pyramid.min_size is None
    assert config.pyramid.steps == [steps]


def test_tutorial_has_its_own_adam(configs):
    adam = load_config(configs / "tutorial.yaml").optimizer
    assert (adam.learning_rate, adam.beta_1, adam.epsilon) == (0.02, 0.99, 0.1)


# Golden numbers; `python tests/golden.py` renews them


def test_smoke_run_has_its_golden_losses():
    found, expected = golden.smoke_losses(), golden.stored()["smoke_losses"]
    assert len(found) == len(expected) == 4
    assert found[0] == pytest.approx(expected[0], rel=1e-3, abs=1e-9)
    # Rounding differs between machines, and each step carries it on.
    for losses, golden_losses in zip(found[1:], expected[1:], strict=True):
        assert losses == pytest.approx(golden_losses, rel=2e-2)


def test_features_have_their_golden_means(vgg):
    found, expected = golden.mean_features(vgg), golden.stored()["mean_features"]
    assert found == pytest.approx(expected, rel=1e-3)
