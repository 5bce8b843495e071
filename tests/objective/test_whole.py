"""tfstyle.objective.whole against a second writing of its formulas, in NumPy and float64."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.config.schema import Objective as Options
from tfstyle.objective.whole import Objective, measure_targets
from tfstyle.vgg.extractor import vgg19

FORMULATIONS = ("relative", "mean", "paper")
CONTENT_LAYERS = {"block2_conv1": 0.3, "block4_conv2": 1.7}
STYLE_LAYERS = {"block1_conv1": 0.5, "block2_conv1": 2.0, "block4_conv2": 0.1}


def options(formulation="relative", **changes):
    given = {
        "formulation": formulation,
        "content_weight": 2.0,
        "content_layers": CONTENT_LAYERS,
        "style_weight": 30.0,
        "style_layers": STYLE_LAYERS,
        "tv_weight": 0.7,
    }
    return Options(**{**given, **changes})


def tensor(picture):
    return tf.constant(picture[None], tf.float32)


def build(network, chosen, content, *styles):
    """Return the objective for pictures; a style is one, or a pair with a weight."""
    pairs = [each if isinstance(each, tuple) else (each, 1.0) for each in styles]
    targets = measure_targets(
        network, chosen, tensor(content), [(tensor(each), w) for each, w in pairs]
    )
    return Objective(network, chosen, targets)


def numpy_features(network, picture):
    """Layer to F, (M, C), in float64."""
    return {
        name: np.asarray(features, np.float64).reshape(-1, features.shape[-1])
        for name, features in network(tensor(picture)).items()
    }


def numpy_losses(network, chosen, image, content, *styles):
    """Total, content, style and variation, in the words of the papers."""
    features = numpy_features(network, image)
    return numpy_formula(network, chosen, image, features, content, *styles)


def numpy_formula(network, chosen, image, features, content, *styles):
    targets = numpy_features(network, content)
    pairs = [each if isinstance(each, tuple) else (each, 1.0) for each in styles]
    share = 1 / sum(weight for _, weight in pairs)
    measured = [(numpy_features(network, each), w * share) for each, w in pairs]
    content_term = sum(
        weight * numpy_content(chosen.formulation, features[name], targets[name])
        for name, weight in chosen.content_layers.items()
    )
    style_term = sum(
        weight
        * numpy_style(
            chosen.formulation, features[name], [(s[name], w) for s, w in measured]
        )
        for name, weight in chosen.style_layers.items()
    )
    variation = numpy_variation(image, chosen)
    total = (
        chosen.content_weight * content_term
        + chosen.style_weight * style_term
        + chosen.tv_weight * variation
    )
    return total, content_term, style_term, variation


def numpy_content(formulation, f, p):
    if formulation == "paper":
        return 0.5 * np.sum((f - p) ** 2)
    if formulation == "mean":
        return np.mean((f - p) ** 2)
    return np.sum((f - p) ** 2) / np.sum(p**2)


def numpy_style(formulation, f, styles):
    m, n = f.shape
    g = f.T @ f  # sums over positions, as the paper has them
    a = m * sum(w * s.T @ s / len(s) for s, w in styles)
    if formulation == "paper":
        return np.sum((g - a) ** 2) / (4 * n**2 * m**2)
    if formulation == "mean":
        return np.mean((g / m - a / m) ** 2)
    return np.sum((g - a) ** 2) / np.sum(a**2)


def numpy_variation(image, chosen):
    steps = [np.abs(np.diff(np.asarray(image, np.float64), axis=i)) for i in (0, 1)]
    total = sum(each.sum() for each in steps)
    sums = {"auto": chosen.formulation == "paper", "sum": True, "mean": False}
    return total if sums[chosen.tv_reduction] else total / image.size


@pytest.fixture(scope="module")
def image(photo):
    """Neither content nor style: the photo mirrored and darkened."""
    return np.ascontiguousarray(0.8 * photo[::-1, ::-1])


# The formulas


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_losses_agree_with_numpy(formulation, tiny_network, image, photo, painting):
    chosen = options(formulation)
    losses = build(tiny_network, chosen, photo, painting).losses(tensor(image))
    expected = numpy_losses(tiny_network, chosen, image, photo, painting)
    assert min(expected) > 0
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_several_styles_are_one_mean_by_weight(
    formulation, tiny_network, image, photo, painting
):
    styles = [(painting, 1.0), (painting[:30, 10:50], 2.5), (photo[::-1], 0.5)]
    chosen = options(formulation)
    losses = build(tiny_network, chosen, photo, *styles).losses(tensor(image))
    expected = numpy_losses(tiny_network, chosen, image, photo, *styles)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    single = build(tiny_network, chosen, photo, painting).losses(tensor(image))
    assert abs(single.style - losses.style) > 0.01 * single.style


def test_only_the_proportions_of_style_weights_count(
    tiny_network, image, photo, painting
):
    for weights in ((1.0, 3.0), (10.0, 30.0)):
        styles = zip((painting, photo), weights, strict=True)
        found = build(tiny_network, options(), photo, *styles).losses(tensor(image))
        expected = numpy_losses(
            tiny_network, options(), image, photo, (painting, 0.25), (photo, 0.75)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_mixed_styles_pull_as_the_weighted_sum_of_their_losses(
    tiny_network, image, photo, painting
):
    chosen = options("mean", content_weight=0, tv_weight=0)

    def pull(*styles):
        objective = build(tiny_network, chosen, photo, *styles)
        return objective.value_and_gradient(tensor(image))[1].numpy()

    np.testing.assert_allclose(
        pull((painting, 1.0), (photo, 3.0)),
        0.25 * pull(painting) + 0.75 * pull(photo),
        atol=1e-4 * np.abs(pull(painting)).max(),
    )


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("reduction", ["auto", "mean", "sum"])
def test_variation_is_reduced_as_asked(
    formulation, reduction, tiny_network, image, photo, painting
):
    chosen = options(formulation, tv_reduction=reduction)
    objective = build(tiny_network, chosen, photo, painting)
    assert objective.losses(tensor(image)).variation.numpy() == pytest.approx(
        numpy_variation(image, chosen), rel=1e-5
    )


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_total_is_the_weighted_sum_of_its_terms(
    formulation, tiny_network, image, photo, painting
):
    objective = build(tiny_network, options(formulation), photo, painting)
    total, content, style, variation = objective.losses(tensor(image))
    expected = 2.0 * content + 30.0 * style + 0.7 * variation
    assert total.numpy() == pytest.approx(expected.numpy(), rel=1e-6)


def test_relative_losses_do_not_depend_on_the_scale_of_features(
    tiny_network, image, photo, painting
):
    def louder(picture):
        return {name: 70 * f for name, f in tiny_network(picture).items()}

    plain = build(tiny_network, options(), photo, painting).losses(tensor(image))
    scaled = build(louder, options(), photo, painting).losses(tensor(image))
    np.testing.assert_allclose(scaled, plain, rtol=1e-4)


def test_relative_content_loss_of_a_black_image_is_one(tiny_network, photo, painting):
    def homogeneous(picture):  # without bias, black has no features
        return {"block1_conv1": tf.concat([picture, 2 * picture], axis=-1)}

    chosen = options(
        content_layers={"block1_conv1": 1}, style_layers={"block1_conv1": 1}
    )
    black = np.zeros_like(photo)
    losses = build(homogeneous, chosen, photo, painting).losses(tensor(black))
    assert losses.content.numpy() == pytest.approx(1, rel=1e-5)
    assert losses.style.numpy() == pytest.approx(1, rel=1e-5)
    # The other way round nothing is there to be relative to: large, but a number.
    losses = build(homogeneous, chosen, black, black).losses(tensor(photo))
    assert np.isfinite(losses).all()


# Where the losses vanish


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_content_itself_has_content_loss_zero(
    formulation, tiny_network, photo, painting
):
    objective = build(tiny_network, options(formulation), photo, painting)
    losses, _ = objective.value_and_gradient(tensor(photo))
    assert losses.content.numpy() == pytest.approx(0, abs=1e-9)
    assert losses.style.numpy() > 0


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_style_itself_has_style_loss_zero(
    formulation, tiny_network, photo, painting
):
    content = np.ascontiguousarray(painting[::-1])
    objective = build(tiny_network, options(formulation), content, painting)
    losses, _ = objective.value_and_gradient(tensor(painting))
    assert losses.style.numpy() == pytest.approx(0, abs=1e-9)
    assert losses.content.numpy() > 0


# Weights of zero


@pytest.mark.parametrize(
    ("changes", "vanishes"),
    [
        ({"content_weight": 0}, "content"),
        ({"content_layers": dict.fromkeys(CONTENT_LAYERS, 0)}, "content"),
        ({"content_layers": {}}, "content"),
        ({"style_weight": 0}, "style"),
        ({"style_layers": dict.fromkeys(STYLE_LAYERS, 0)}, "style"),
        ({"style_layers": {}}, "style"),
    ],
)
def test_a_term_without_weight_is_zero_and_leaves_the_others(
    changes, vanishes, tiny_network, image, photo, painting
):
    plain = build(tiny_network, options(), photo, painting).losses(tensor(image))
    objective = build(tiny_network, options(**changes), photo, painting)
    losses = objective.losses(tensor(image))._asdict()
    assert getattr(objective.targets, vanishes) == {}
    assert losses[vanishes].numpy() == 0
    kept = {"content", "style", "variation"} - {vanishes}
    for name in kept:
        assert losses[name].numpy() == pytest.approx(
            getattr(plain, name).numpy(), rel=1e-6
        )
    weights = {"content": 2.0, "style": 30.0, "variation": 0.7}
    assert losses["total"].numpy() == pytest.approx(
        sum(weights[name] * losses[name].numpy() for name in kept), rel=1e-6
    )


def test_a_layer_of_weight_zero_is_left_out(tiny_network, image, photo, painting):
    without = options(style_layers={"block1_conv1": 0.5, "block2_conv1": 2.0})
    zero = options(style_layers={**without.style_layers, "block4_conv2": 0})
    values = [
        build(tiny_network, each, photo, painting).losses(tensor(image)).style.numpy()
        for each in (without, zero)
    ]
    assert values[0] == values[1] > 0


def test_variation_is_reported_even_if_it_has_no_weight(
    tiny_network, image, photo, painting
):
    chosen = options(tv_weight=0)
    losses = build(tiny_network, chosen, photo, painting).losses(tensor(image))
    assert losses.variation.numpy() > 0
    assert losses.total.numpy() == pytest.approx(
        (2.0 * losses.content + 30.0 * losses.style).numpy(), rel=1e-6
    )


def test_without_a_network_only_the_variation_is_left(image, photo, painting):
    chosen = options(content_weight=0, style_weight=0)
    losses, gradient = build(None, chosen, photo, painting).value_and_gradient(
        tensor(image)
    )
    assert losses.content.numpy() == losses.style.numpy() == 0
    assert losses.total.numpy() == pytest.approx(0.7 * losses.variation.numpy())
    assert losses.variation.numpy() == pytest.approx(
        numpy_variation(image, chosen), rel=1e-5
    )
    assert np.abs(gradient).max() > 0


def test_without_styles_only_content_and_variation_are_left(tiny_network, image, photo):
    chosen = options(style_weight=0)
    losses = build(tiny_network, chosen, photo).losses(tensor(image))
    expected = numpy_losses(tiny_network, chosen, image, photo, photo)
    np.testing.assert_allclose(
        [losses.content, losses.variation], [expected[1], expected[3]], rtol=1e-4
    )


# The gradient


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_gradient_agrees_with_finite_differences(
    formulation, smooth_network, smooth_network_64, photo, painting, random
):
    content, style = photo[8:20, 20:36], painting[10:22, 10:30]
    image = random.random((12, 16, 3))
    chosen = options(formulation)
    objective = build(smooth_network, chosen, content, style)
    losses, gradient = objective.value_and_gradient(tensor(image))
    gradient = gradient[0].numpy().astype(np.float64)

    def total(picture):
        features = {
            name: f.numpy().reshape(-1, f.shape[-1])
            for name, f in smooth_network_64(tf.constant(picture[None])).items()
        }
        losses = numpy_formula(
            smooth_network, chosen, picture, features, content, style
        )
        return losses[0]

    assert losses.total.numpy() == pytest.approx(total(image), rel=1e-4)
    tolerance = 1e-4 * float(np.linalg.norm(gradient))
    for direction in (*random.normal(size=(4, *image.shape)), gradient):
        step = 1e-6 * direction / np.linalg.norm(direction)
        change = total(image + step) - total(image - step)
        expected = 2 * np.sum(gradient * step)
        assert change == pytest.approx(expected, abs=2e-6 * tolerance)


def test_gradient_goes_through_every_weighted_layer(
    tiny_network, image, photo, painting
):
    gradients = []
    for name in tiny_network.output:
        for term in ("content", "style"):
            weights = {"content_weight": 0, "style_weight": 0, "tv_weight": 0}
            chosen = options(
                **{**weights, f"{term}_weight": 1, f"{term}_layers": {name: 1}}
            )
            objective = build(tiny_network, chosen, photo, painting)
            gradients.append(objective.value_and_gradient(tensor(image))[1].numpy())
    assert all(np.abs(each).max() > 0 for each in gradients)
    flat = np.reshape(gradients, (len(gradients), -1)).astype(np.float64)
    assert np.linalg.matrix_rank(flat / np.linalg.norm(flat, axis=1)[:, None]) == 6


# How it is computed


def test_one_trace_serves_every_image(tiny_network, image, photo, painting):
    calls = []

    def counted(picture):
        calls.append(picture.shape)
        return tiny_network(picture)

    objective = build(counted, options(), photo, painting)
    measured = len(calls)  # the targets: one call for each picture
    assert measured == 2
    totals = {
        float(objective.value_and_gradient(tensor(each))[0].total)
        for each in (image, photo, 1 - image)
    }
    assert len(totals) == 3
    assert len(calls) == measured + 1


def test_traced_and_eager_losses_agree(tiny_network, image, photo, painting):
    objective = build(tiny_network, options(), photo, painting)
    traced, _ = objective.value_and_gradient(tensor(image))
    np.testing.assert_allclose(traced, objective.losses(tensor(image)), rtol=1e-5)


def test_half_precision_scales_the_gradient_and_gives_it_back(
    tiny_network, image, photo, painting
):
    targets = build(tiny_network, options(), photo, painting).targets
    plain = Objective(tiny_network, options(), targets)
    scaled = Objective(tiny_network, options(), targets, half_precision=True)
    losses, gradient = plain.value_and_gradient(tensor(image))
    scaled_losses, scaled_gradient = scaled.value_and_gradient(tensor(image))
    np.testing.assert_allclose(scaled_losses, losses, rtol=1e-6)
    np.testing.assert_allclose(
        scaled_gradient, gradient, atol=1e-5 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("weight", [1e-6, 1e6])
def test_scaling_keeps_float16_gradients_from_vanishing_and_overflowing(
    weight, tiny_network, image, photo, painting
):
    def half(picture):  # all gradients pass through float16
        features = tiny_network(tf.cast(tf.cast(picture, tf.float16), tf.float32))
        return {name: tf.cast(f, tf.float16) for name, f in features.items()}

    chosen = options(content_weight=2 * weight, style_weight=30 * weight, tv_weight=0)
    exact = build(tiny_network, chosen, photo, painting)
    _, expected = exact.value_and_gradient(tensor(image))

    def error(half_precision):
        objective = Objective(half, chosen, exact.targets, half_precision)
        _, gradient = objective.value_and_gradient(tensor(image))
        return np.linalg.norm(gradient - expected) / np.linalg.norm(expected)

    assert not error(half_precision=False) < 0.1  # NaN where it overflows
    assert error(half_precision=True) < 0.01


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_vgg19_pulls_the_same_way_in_half_precision(
    precision, vgg, image, photo, painting
):
    chosen = Options()
    exact = build(vgg, chosen, photo, painting)
    losses, gradient = exact.value_and_gradient(tensor(image))
    network = vgg19(chosen.layers, precision=precision)
    targets = build(network, chosen, photo, painting).targets
    half = Objective(network, chosen, targets, half_precision=precision == "float16")
    half_losses, half_gradient = half.value_and_gradient(tensor(image))
    assert half_losses.total.dtype == half_gradient.dtype == tf.float32
    np.testing.assert_allclose(half_losses, losses, rtol=0.01)
    error = np.linalg.norm(half_gradient - gradient)
    assert error < 0.1 * np.linalg.norm(gradient)
