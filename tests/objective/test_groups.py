"""tfstyle.objective.groups: what counts, and what of weight 0 costs nothing."""

import numpy as np
import pytest
from numpy_formulas import losses_of, variation_loss
from objectives import CONTENT_LAYERS, STYLE_LAYERS, options, tensor, whole

from tfstyle.objective.groups import (
    compile_groups,
    kinds_of,
    layers_of,
    names_of,
    terms_of,
)
from tfstyle.objective.terms import STYLE_TERMS, Features, Gram, Variation


@pytest.fixture(scope="module")
def image(photo):
    """Neither content nor style: the photo mirrored and darkened."""
    return np.ascontiguousarray(0.8 * photo[::-1, ::-1])


class TestCompile:
    def test_groups_are_those_of_the_log(self):
        groups = compile_groups(options("mean"))
        assert names_of(groups) == ("total", "content", "style", "variation")
        assert [group.weight for group in groups] == [2.0, 30.0, 0.7]
        assert [group.source for group in groups] == ["content", "style", "content"]
        assert terms_of(groups) == [
            *(Features(layer, each, "mean") for layer, each in CONTENT_LAYERS.items()),
            *(Gram(layer, each, "mean") for layer, each in STYLE_LAYERS.items()),
            Variation(mean=True),
        ]

    @pytest.mark.parametrize("name", STYLE_TERMS)
    def test_style_is_measured_as_chosen(self, name):
        _, style, _ = compile_groups(options(style_loss=name))
        assert {type(term) for term in style.terms} == {STYLE_TERMS[name]}

    def test_layers_are_from_shallow_to_deep(self):
        chosen = options(style_layers={"block4_conv2": 1.0, "block1_conv1": 1.0})
        layers = layers_of(terms_of(compile_groups(chosen)))
        assert layers == ["block1_conv1", "block2_conv1", "block4_conv2"]

    def test_graphs_do_not_depend_on_weights_and_forms(self):
        one, other = (
            compile_groups(options(form, style_layers=layers))
            for form, layers in (
                ("relative", STYLE_LAYERS),
                ("paper", dict.fromkeys(STYLE_LAYERS, 7.0)),
            )
        )
        assert kinds_of(terms_of(one)) == kinds_of(terms_of(other))
        fewer = compile_groups(options(style_layers={"block1_conv1": 1.0}))
        assert kinds_of(terms_of(one)) != kinds_of(terms_of(fewer))


class TestWeightZero:
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
    def test_a_term_is_zero_and_leaves_the_others(
        self, changes, vanishes, tiny_network, image, photo, painting
    ):
        plain = whole(tiny_network, options(), photo, painting).losses(tensor(image))
        objective = whole(tiny_network, options(**changes), photo, painting)
        losses = objective.losses(tensor(image))
        terms = {group.name: group.terms for group in objective.groups}
        assert terms[vanishes] == ()
        assert losses[vanishes] == 0
        kept = {"content", "style", "variation"} - {vanishes}
        for name in kept:
            assert losses[name] == pytest.approx(plain[name], rel=1e-6)
        weights = {"content": 2.0, "style": 30.0, "variation": 0.7}
        assert losses["total"] == pytest.approx(
            sum(weights[name] * losses[name] for name in kept), rel=1e-6
        )

    @pytest.mark.parametrize(
        ("changes", "sizes"),
        [
            ({}, ["content", "style"]),
            ({"content_weight": 0}, ["style"]),
            ({"content_layers": dict.fromkeys(CONTENT_LAYERS, 0)}, ["style"]),
            ({"style_weight": 0}, ["content"]),
            ({"style_layers": dict.fromkeys(STYLE_LAYERS, 0)}, ["content"]),
            ({"content_weight": 0, "style_weight": 0}, []),
        ],
    )
    def test_the_network_is_not_run_for_what_does_not_count(
        self, changes, sizes, tiny_network, image, photo, painting
    ):
        calls = []

        def counted(picture):
            calls.append(tuple(picture.shape[1:3]))
            return tiny_network(picture)

        chosen = options(**changes)
        objective = whole(counted, chosen, photo, painting)
        pictures = {"content": photo, "style": painting}
        expected = [pictures[name].shape[:2] for name in sizes]
        assert sorted(calls) == sorted(expected)
        calls.clear()
        objective.value_and_gradient(tensor(image))
        assert len(calls) == bool(sizes)

    def test_a_layer_is_left_out(self, tiny_network, image, photo, painting):
        without = options(style_layers={"block1_conv1": 0.5, "block2_conv1": 2.0})
        zero = options(style_layers={**without.style_layers, "block4_conv2": 0})
        values = [
            whole(tiny_network, each, photo, painting).losses(tensor(image))["style"]
            for each in (without, zero)
        ]
        assert values[0] == values[1] > 0
        layers = [term.layer for term in compile_groups(zero)[1].terms]
        assert layers == ["block1_conv1", "block2_conv1"]

    def test_variation_is_reported_even_so(self, tiny_network, image, photo, painting):
        chosen = options(tv_weight=0)
        losses = whole(tiny_network, chosen, photo, painting).losses(tensor(image))
        assert losses["variation"] > 0
        assert losses["total"] == pytest.approx(
            2.0 * losses["content"] + 30.0 * losses["style"], rel=1e-6
        )

    def test_without_a_network_only_the_variation_is_left(self, image, photo, painting):
        chosen = options(content_weight=0, style_weight=0)
        objective = whole(None, chosen, photo, painting)
        losses, gradient = objective.value_and_gradient(tensor(image))
        total, content, style, variation = losses.numpy()
        assert content == style == 0
        assert total == pytest.approx(0.7 * variation)
        assert variation == pytest.approx(variation_loss(image, chosen), rel=1e-5)
        assert np.abs(gradient).max() > 0

    def test_without_styles_only_content_and_variation_are_left(
        self, tiny_network, image, photo
    ):
        chosen = options(style_weight=0)
        losses = whole(tiny_network, chosen, photo).losses(tensor(image))
        expected = losses_of(tiny_network, chosen, image, photo, photo)
        for name in ("content", "variation"):
            assert losses[name] == pytest.approx(expected[name], rel=1e-4)
        assert losses["style"] == 0
