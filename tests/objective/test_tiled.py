"""tfstyle.objective.tiled: tiles give the whole picture's value and gradient."""

import numpy as np
import pytest
from conftest import ROOT, make_tiny_network, small
from numpy_formulas import losses_of
from objectives import (
    STYLE_LAYERS,
    aimed,
    as_groups,
    assert_equal,
    assert_losses,
    both,
    noisy,
    options,
    tensor,
    tiled,
    whole,
)

from tfstyle.config import StyleConfig
from tfstyle.images import load_image, resize
from tfstyle.objective.tiled import Tiled, TiledGraphs
from tfstyle.vgg.extractor import vgg19
from tfstyle.vgg.pretrained import computing_in

TINY = {
    "content_layers": {"block4_conv2": 1.0},
    "style_layers": {"block1_conv1": 0.4, "block2_conv1": 0.6},
}


def default(**changes):
    """The default objective, but for these changes."""
    return StyleConfig().with_overrides({"objective": changes}).objective


class TestTinyTwin:
    @pytest.mark.parametrize("formulation", ["relative", "mean", "paper"])
    @pytest.mark.parametrize("keep", [True, False])
    @pytest.mark.parametrize("size", [4, 16, 24, 1000])
    def test_formulations(self, tiny_network, photo, painting, formulation, keep, size):
        objective = default(formulation=formulation, **TINY)
        pictures = noisy(photo), photo, painting
        how = {"size": size, "keep_content": keep}
        assert_equal(*both(tiny_network, objective, *pictures, **how))

    @pytest.mark.parametrize(
        "weights",
        [
            {"content_weight": 0.0},
            {"style_weight": 0.0},
            {"tv_weight": 0.0},
            {"content_weight": 0.0, "tv_weight": 0.0},
            {"content_weight": 0.0, "style_weight": 0.0},
            {"tv_reduction": "sum"},
            {"style_layers": {"block1_conv1": 1.0}},
            {"content_layers": {"block1_conv1": 1.0, "block2_conv1": 0.5}},
        ],
    )
    def test_terms(self, tiny_network, photo, painting, weights):
        objective = default(**{**TINY, **weights})
        pictures = noisy(photo), photo, painting
        assert_equal(*both(tiny_network, objective, *pictures, size=16))

    def test_several_styles(self, tiny_network, photo, painting):
        pictures = noisy(photo), photo, painting, (photo[:30], 2.0)
        assert_equal(*both(tiny_network, default(**TINY), *pictures, size=20))

    @pytest.mark.parametrize("style_loss", ["gram", "moments"])
    def test_agrees_with_numpy(self, tiny_network, photo, painting, style_loss):
        chosen = options(style_loss=style_loss)
        styles = (painting, 1.0), (1 - photo, 2.5)
        objective = tiled(tiny_network, chosen, photo, *styles, size=20)
        found = objective.losses(tensor(noisy(photo)))
        expected = losses_of(tiny_network, chosen, noisy(photo), photo, *styles)
        assert_losses(found, expected)

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_other_precisions(self, photo, painting, precision):
        with computing_in(precision):
            network = make_tiny_network(dtype=None)
        pictures = noisy(photo), photo, painting
        how = {"size": 20, "half_precision": precision == "float16"}
        found = both(network, default(**TINY), *pictures, **how)
        assert_equal(*found, value=1e-2, gradient=0.03)

    def test_a_smooth_gradient_against_finite_differences(self, smooth_network, photo):
        photo, random = photo[:24, :30], np.random.default_rng(3)
        objective = tiled(
            smooth_network, default(**TINY, tv_weight=0.0), photo, photo[::-1], size=8
        )
        image = noisy(photo)
        direction = random.normal(size=image.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        step = 0.03
        ahead = objective.losses(tensor(image + step * direction))["total"]
        behind = objective.losses(tensor(image - step * direction))["total"]
        _, gradient = objective.value_and_gradient(tensor(image))
        slope = float(np.sum(gradient[0] * direction))
        assert (ahead - behind) / (2 * step) == pytest.approx(slope, rel=5e-3)

    def test_one_set_of_graphs_serves_other_targets_and_weights(
        self, tiny_network, photo, painting
    ):
        """All that differs between them is in the targets."""
        one, other = (
            options(),
            options(
                "paper",
                content_weight=0.3,
                style_layers={name: 3 * w for name, w in STYLE_LAYERS.items()},
                tv_reduction="mean",
            ),
        )
        graphs, image = TiledGraphs(tiny_network, as_groups(one)), noisy(photo)
        for chosen, content, style in (
            (one, photo, painting),
            (other, photo[:, ::-1], 1 - painting[:20]),
        ):
            objective = aimed(Tiled(graphs, as_groups(chosen), 16), content, style)
            found = objective.losses(tensor(image))
            expected = losses_of(tiny_network, chosen, image, content, style)
            assert_losses(found, expected)
        assert graphs.gradient.experimental_get_tracing_count() == 1


class TestPasses:
    def test_no_layer_deeper_than_its_terms_is_computed(self, tiny_network):
        """In the pass over a style, and in the first over the image."""
        chosen = default(**TINY)
        graphs = TiledGraphs(tiny_network, as_groups(chosen))
        content, style, _ = as_groups(chosen)
        shallow, deep = [*TINY["style_layers"]], [*TINY["content_layers"]]
        assert [*graphs.network.strides] == shallow + deep
        network, _ = graphs.observe(style.terms)
        assert [*network.strides] == shallow
        assert not any(each.name == "block4_conv2" for each in network.network.layers)
        network, _ = graphs.observe(content.terms)
        assert [*network.strides] == deep

    @pytest.mark.parametrize("name", ["content", "style"])
    def test_no_layer_is_computed_for_what_has_weight_zero(self, name, tiny_network):
        groups = as_groups(default(**TINY, **{f"{name}_weight": 0.0}))
        graphs = TiledGraphs(tiny_network, groups)
        terms = [
            term for group in groups if group.source == name for term in group.terms
        ]
        network, _ = graphs.observe(terms)
        assert network.network is None


class TestWatcher:
    """It counts tiles, and can end the evaluation."""

    @pytest.fixture
    def calls(self):
        return []

    def watched(self, calls, network, chosen, photo, limit=None):
        """The objective, of 2 x 2 tiles; after `limit` of them it is interrupted."""

        def watch(done, count):
            calls.append((done, count))
            if len(calls) == limit:
                raise KeyboardInterrupt

        how = {"size": 32, "on_tile": watch}
        return tiled(network, chosen, photo, photo, **how)

    def test_counts_the_tiles_of_both_passes(self, calls, tiny_network, photo):
        objective = self.watched(calls, tiny_network, default(**TINY), photo)
        assert calls == 2 * [(done, 4) for done in range(1, 5)]  # style and content
        calls.clear()
        objective.value_and_gradient(tensor(photo))
        assert calls == [(done, 8) for done in range(1, 9)]  # twice 2 x 2

    def test_counts_one_pass_where_nothing_is_gathered(
        self, calls, tiny_network, photo
    ):
        chosen = default(**TINY, style_weight=0.0)
        objective = self.watched(calls, tiny_network, chosen, photo)
        calls.clear()
        objective.value_and_gradient(tensor(photo))
        assert calls == [(done, 4) for done in range(1, 5)]

    def test_counts_the_same_tiles_whatever_the_layers_of_a_pass(
        self, calls, tiny_network, photo
    ):
        """Those of the style begin at any pixel, those of the content at every fourth.

        Of 30 rows and 50 columns, tiles of 18 pixels could be 2 x 3, or are 2 x 4.
        """
        chosen = default(**{**TINY, "style_layers": {"block1_conv1": 1.0}})
        objective = tiled(
            tiny_network,
            chosen,
            photo[:30, :50],
            photo,
            size=18,
            on_tile=lambda *call: calls.append(call),
        )
        calls.clear()
        objective.value_and_gradient(tensor(noisy(photo[:30, :50])))
        assert calls == [(done, 16) for done in range(1, 17)]

    def test_can_end_the_evaluation(self, calls, tiny_network, photo):
        objective = self.watched(calls, tiny_network, default(**TINY), photo, 11)
        calls[:] = calls[:8]
        with pytest.raises(KeyboardInterrupt):
            objective.value_and_gradient(tensor(photo))
        assert len(calls) == 11


@pytest.fixture(scope="module")
def odd_pictures():
    """Image, content and style at 361 x 283 and 297 x 235.

    A tile of 64 pixels in their middle has all of its halo, 70 pixels at each side.
    """
    content = resize(load_image(ROOT / "examples/content/chelsea.png"), 283, 361)
    style = small(ROOT / "examples/style/swirls.jpg", 297)
    return noisy(content), content, style


def evaluate(objective, pictures):
    """Losses and gradient of the image."""
    return objective.value_and_gradient(tensor(pictures[0]))


@pytest.mark.slow
class TestRealNetwork:
    @pytest.mark.parametrize("pooling", ["avg", "max"])
    def test_odd_sizes(self, odd_pictures, pooling):
        objective = default()
        network = vgg19(objective.layers, pooling=pooling)
        how = network, objective, *odd_pictures[1:]
        expected = evaluate(whole(*how), odd_pictures)
        for size, keep in ((128, True), (250, False), (64, True), (1000, True)):
            tiles = tiled(*how, size=size, keep_content=keep)
            assert_equal(expected, evaluate(tiles, odd_pictures))

    @pytest.mark.parametrize("formulation", ["mean", "paper"])
    def test_formulations(self, odd_pictures, formulation):
        objective = default(formulation=formulation)
        network = vgg19(objective.layers)
        assert_equal(*both(network, objective, *odd_pictures, size=256))

    def test_bfloat16_to_its_own_rounding(self, odd_pictures):
        objective = default()
        network = vgg19(objective.layers, precision="bfloat16")
        one, tiles = both(network, objective, *odd_pictures, size=256)
        exact = whole(vgg19(objective.layers), objective, *odd_pictures[1:])
        exact = evaluate(exact, odd_pictures)
        rounding = np.linalg.norm(one[1] - exact[1])
        assert np.linalg.norm(tiles[1] - exact[1]) < 1.1 * rounding
        assert float(tiles[0][0]) == pytest.approx(float(one[0][0]), rel=1e-3)
