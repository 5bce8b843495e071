"""tfstyle.objective.whole against a second writing of its formulas, in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from numpy_formulas import losses_from, losses_of, variation_loss
from objectives import (
    FORMULATIONS,
    STYLE_LAYERS,
    aimed,
    as_groups,
    assert_losses,
    options,
    tensor,
    whole,
)

from tfstyle.objective.whole import Whole, whole_graph

STYLE_LOSSES = ("gram", "moments")


@pytest.fixture(scope="module")
def image(photo):
    """Neither content nor style: the photo mirrored and darkened."""
    return np.ascontiguousarray(0.8 * photo[::-1, ::-1])


@pytest.mark.parametrize("formulation", FORMULATIONS)
class TestFormulas:
    @pytest.mark.parametrize("style_loss", STYLE_LOSSES)
    def test_agree_with_numpy(
        self, formulation, style_loss, tiny_network, image, photo, painting
    ):
        chosen = options(formulation, style_loss=style_loss)
        losses = whole(tiny_network, chosen, photo, painting).losses(tensor(image))
        expected = losses_of(tiny_network, chosen, image, photo, painting)
        assert min(expected.values()) > 0
        assert_losses(losses, expected)

    @pytest.mark.parametrize("style_loss", STYLE_LOSSES)
    def test_several_styles_are_one_mean_by_weight(
        self, formulation, style_loss, tiny_network, image, photo, painting
    ):
        styles = [(painting, 1.0), (painting[:30, 10:50], 2.5), (photo[::-1], 0.5)]
        chosen = options(formulation, style_loss=style_loss)
        losses = whole(tiny_network, chosen, photo, *styles).losses(tensor(image))
        expected = losses_of(tiny_network, chosen, image, photo, *styles)
        assert_losses(losses, expected)
        single = whole(tiny_network, chosen, photo, painting).losses(tensor(image))
        assert abs(single["style"] - losses["style"]) > 0.01 * single["style"]

    @pytest.mark.parametrize("reduction", ["auto", "mean", "sum"])
    def test_variation_is_reduced_as_asked(
        self, formulation, reduction, tiny_network, image, photo, painting
    ):
        chosen = options(formulation, tv_reduction=reduction)
        losses = whole(tiny_network, chosen, photo, painting).losses(tensor(image))
        expected = variation_loss(image, chosen)
        assert losses["variation"] == pytest.approx(expected, rel=1e-5)

    def test_total_is_the_weighted_sum_of_its_terms(
        self, formulation, tiny_network, image, photo, painting
    ):
        objective = whole(tiny_network, options(formulation), photo, painting)
        assert objective.names == ("total", "content", "style", "variation")
        total, content, style, variation = objective.value_and_gradient(tensor(image))[
            0
        ].numpy()
        expected = 2.0 * content + 30.0 * style + 0.7 * variation
        assert total == pytest.approx(expected, rel=1e-6)

    # Where the losses vanish

    def test_the_content_itself_has_content_loss_zero(
        self, formulation, tiny_network, photo, painting
    ):
        objective = whole(tiny_network, options(formulation), photo, painting)
        losses = by_name(objective, photo)
        assert losses["content"] == pytest.approx(0, abs=1e-9)
        assert losses["style"] > 0

    def test_the_style_itself_has_style_loss_zero(
        self, formulation, tiny_network, photo, painting
    ):
        content = np.ascontiguousarray(painting[::-1])
        objective = whole(tiny_network, options(formulation), content, painting)
        losses = by_name(objective, painting)
        assert losses["style"] == pytest.approx(0, abs=1e-9)
        assert losses["content"] > 0


def by_name(objective, picture):
    """Losses as the optimizer gets them."""
    losses, _ = objective.value_and_gradient(tensor(picture))
    return dict(zip(objective.names, losses.numpy(), strict=True))


def test_only_the_proportions_of_style_weights_count(
    tiny_network, image, photo, painting
):
    for weights in ((1.0, 3.0), (10.0, 30.0)):
        styles = zip((painting, photo), weights, strict=True)
        found = whole(tiny_network, options(), photo, *styles).losses(tensor(image))
        expected = losses_of(
            tiny_network, options(), image, photo, (painting, 0.25), (photo, 0.75)
        )
        assert_losses(found, expected)


def test_the_gradient_to_mixed_styles_is_the_weighted_sum_of_theirs(
    tiny_network, image, photo, painting
):
    chosen = options("mean", content_weight=0, tv_weight=0)

    def gradient(*styles):
        objective = whole(tiny_network, chosen, photo, *styles)
        return objective.value_and_gradient(tensor(image))[1].numpy()

    np.testing.assert_allclose(
        gradient((painting, 1.0), (photo, 3.0)),
        0.25 * gradient(painting) + 0.75 * gradient(photo),
        atol=1e-4 * np.abs(gradient(painting)).max(),
    )


class TestRelative:
    @pytest.mark.parametrize("style_loss", STYLE_LOSSES)
    def test_losses_do_not_depend_on_the_scale_of_features(
        self, style_loss, tiny_network, image, photo, painting
    ):
        def louder(factor):
            def network(picture):
                return {name: factor * f for name, f in tiny_network(picture).items()}

            return network

        # From 0..1 to 0..255, as VGG19's: there the moments' small constant is nothing.
        one, other = (
            whole(louder(factor), options(style_loss=style_loss), photo, painting)
            for factor in (255, 70 * 255)
        )
        assert_losses(other.losses(tensor(image)), one.losses(tensor(image)))

    def test_content_loss_of_a_black_image_is_one(self, photo, painting):
        def homogeneous(picture):  # without bias, black has no features
            return {"block1_conv1": tf.concat([picture, 2 * picture], axis=-1)}

        layers = {"block1_conv1": 1}
        chosen = options(content_layers=layers, style_layers=layers)
        black = np.zeros_like(photo)
        objective = whole(homogeneous, chosen, photo, painting)
        losses = objective.losses(tensor(black))
        assert losses["content"] == pytest.approx(1, rel=1e-5)
        assert losses["style"] == pytest.approx(1, rel=1e-5)
        # The other way round nothing is there to be relative to: large, but a number.
        losses = whole(homogeneous, chosen, black, black).losses(tensor(photo))
        assert np.isfinite(list(losses.values())).all()


class TestGradient:
    @pytest.mark.parametrize("formulation", FORMULATIONS)
    @pytest.mark.parametrize("style_loss", STYLE_LOSSES)
    def test_agrees_with_finite_differences(
        self,
        formulation,
        style_loss,
        smooth_network,
        smooth_network_64,
        photo,
        painting,
        random,
    ):
        content, style = photo[8:20, 20:36], painting[10:22, 10:30]
        image = random.random((12, 16, 3))
        chosen = options(formulation, style_loss=style_loss)
        objective = whole(smooth_network, chosen, content, style)
        losses, gradient = objective.value_and_gradient(tensor(image))
        gradient = gradient[0].numpy().astype(np.float64)

        def total(picture):
            features = {
                name: f.numpy().reshape(-1, f.shape[-1])
                for name, f in smooth_network_64(tf.constant(picture[None])).items()
            }
            losses = losses_from(
                features, smooth_network, chosen, picture, content, style
            )
            return losses["total"]

        assert losses[0].numpy() == pytest.approx(total(image), rel=1e-4)
        tolerance = 1e-4 * float(np.linalg.norm(gradient))
        for direction in (*random.normal(size=(4, *image.shape)), gradient):
            step = 1e-6 * direction / np.linalg.norm(direction)
            change = total(image + step) - total(image - step)
            expected = 2 * np.sum(gradient * step)
            assert change == pytest.approx(expected, abs=2e-6 * tolerance)

    def test_goes_through_every_weighted_layer(
        self, tiny_network, image, photo, painting
    ):
        gradients = []
        for name in tiny_network.output:
            for term in ("content", "style"):
                weights = {"content_weight": 0, "style_weight": 0, "tv_weight": 0}
                chosen = options(
                    **{**weights, f"{term}_weight": 1, f"{term}_layers": {name: 1}}
                )
                objective = whole(tiny_network, chosen, photo, painting)
                gradients.append(objective.value_and_gradient(tensor(image))[1].numpy())
        assert all(np.abs(each).max() > 0 for each in gradients)
        flat = np.reshape(gradients, (len(gradients), -1)).astype(np.float64)
        flat /= np.linalg.norm(flat, axis=1)[:, None]
        assert np.linalg.matrix_rank(flat) == 6


class TestGraph:
    def test_one_trace_serves_every_image(self, tiny_network, image, photo, painting):
        calls = []

        def counted(picture):
            calls.append(picture.shape)
            return tiny_network(picture)

        objective = whole(counted, options(), photo, painting)
        measured = len(calls)  # the targets: one call for each picture
        assert measured == 2
        totals = {
            float(objective.value_and_gradient(tensor(each))[0][0])
            for each in (image, photo, 1 - image)
        }
        assert len(totals) == 3
        assert len(calls) == measured + 1

    def test_one_trace_serves_other_targets_and_weights(
        self, tiny_network, image, photo, painting
    ):
        """All that differs between them is in the targets."""
        calls = []

        def counted(picture):
            calls.append(picture.shape)
            return tiny_network(picture)

        one, other = (
            options(),
            options(
                "paper",
                content_weight=0.3,
                style_layers={name: 3 * w for name, w in STYLE_LAYERS.items()},
                tv_reduction="mean",
            ),
        )
        graph = whole_graph(counted, as_groups(one))
        for chosen, content, style in (
            (one, photo, painting),
            (other, photo[:, ::-1], 1 - painting[:20]),
        ):
            objective = Whole(tiny_network, as_groups(chosen), graph)
            found = by_name(aimed(objective, content, style), image)
            expected = losses_of(tiny_network, chosen, image, content, style)
            assert_losses(found, expected)
        assert len(calls) == 1

    def test_traced_and_eager_losses_agree(self, tiny_network, image, photo, painting):
        objective = whole(tiny_network, options(), photo, painting)
        assert_losses(by_name(objective, image), objective.losses(tensor(image)), 1e-5)
