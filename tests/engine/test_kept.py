"""tfstyle.engine.kept: what the next run of a process need not make again."""

import gc
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import TINY, make_config, make_inputs, run
from tiny import TinyKept

from tfstyle.config import CONTENT_LOSSES, STYLE_LOSSES
from tfstyle.engine import kept as keeping
from tfstyle.engine.kept import Bounded, Kept
from tfstyle.vgg.pretrained import computing_in
from tfstyle.vgg.weights import HDF5_SIGNATURE


class Counting:
    """A network that counts how often it was traced, and how often it saw a picture."""

    def __init__(self, network):
        self.network, self.traces, self.seen = network, 0, 0

    def __call__(self, image):
        self.traces += not tf.executing_eagerly()
        self.seen += tf.executing_eagerly()
        return self.network(image)


@pytest.fixture
def counting(tiny_network):
    """The tiny twin, counted, and what keeps it."""
    network = Counting(tiny_network)
    return network, TinyKept(network)


class TestReuse:
    @pytest.mark.parametrize(
        "second",
        [
            {},
            {"objective.style_weight": 3, "objective.content_weight": 0.5},
            {"objective.style_layers": {"block1_conv1": 5, "block2_conv1": 0.1}},
            {"objective.formulation": "mean"},
            {"objective.tv_reduction": "sum"},
            {"optimizer.name": "adam", "init": "noise", "pyramid.steps": [2]},
            {"styles": [{"weight": 9}]},
        ],
    )
    def test_the_same_layers_sizes_and_precision_are_traced_once(
        self, counting, photo, painting, second
    ):
        network, kept = counting
        inputs = make_inputs(photo, painting)
        run(make_config(TINY), inputs, kept)
        assert (network.traces, network.seen) == (1, 2)  # content and style
        kept.trim()
        config = make_config(TINY, second)
        found = run(config, inputs, kept)
        assert (network.traces, network.seen) == (1, 3)  # the content, no style
        expected = run(config, inputs, TinyKept(network.network))
        assert found[-1][1].tobytes() == expected[-1][1].tobytes()

    def test_other_pictures_of_the_same_size_are_seen_but_not_traced(
        self, counting, photo, painting
    ):
        network, kept = counting
        run(make_config(TINY), make_inputs(photo, painting), kept)
        run(make_config(TINY), make_inputs(photo[::-1], painting[::-1]), kept)
        assert (network.traces, network.seen) == (1, 4)

    def test_each_size_is_traced_once(self, counting, photo, painting):
        network, kept = counting
        pyramid = {"pyramid": {"min_size": 16, "steps": [1]}}
        for _ in range(2):
            run(make_config(TINY, pyramid), make_inputs(photo, painting), kept)
            assert network.traces == 3
        assert network.seen == 3 * (2 + 1)

    @pytest.mark.parametrize(
        "second",
        [
            {},
            {"objective.style_layers": {"block1_conv1": 5, "block2_conv1": 0.1}},
            {"objective.formulation": "mean"},
        ],
    )
    def test_of_tiles(self, tiny_network, photo, painting, second):
        kept = TinyKept(tiny_network)
        tiles = {**TINY, "memory.tile": 64, "size": 96, "pyramid.steps": [1]}
        inputs = make_inputs(photo, painting)
        traced = []
        for each in ({}, second):
            run(make_config(tiles, each), inputs, kept)
            traced.append(traces_of_tiles(kept))
        assert traced[0] == traced[1]

    def test_networks_have_their_weights_in_common(self, pretrained):
        kept = Kept()
        networks = [kept.network(make_config(each), "float32") for each in NETWORKS]
        assert len({id(network) for network in networks}) == len(NETWORKS)
        assert [*pretrained] == [("bundled", False, "float32")]
        assert kept.network(make_config(NETWORKS[0]), "float32") is networks[0]

    def test_without_layers_there_is_no_network(self, pretrained):
        weights = {"objective.content_weight": 0, "objective.style_weight": 0}
        assert Kept().network(make_config(weights), "float32") is None
        assert pretrained == []


def traces_of_tiles(kept):
    """Return how often each graph over a tile was traced."""
    graphs = []
    for each in kept._graphs._things.values():
        graphs.append(each.gradient)
        graphs += [graph for _, graph in each.observers.values()]
    return [graph.experimental_get_tracing_count() for graph in graphs]


NETWORKS = (
    {"objective.style_layers": {"block1_conv1": 1}},
    {"objective.style_layers": {"block2_conv1": 1}},
    {"extractor.pooling": "max"},
)


@pytest.fixture
def pretrained(monkeypatch):
    """Replace VGG19 by one of a few channels; what was asked for, filled as it goes.

    Its weights are drawn from a seed, which is the last byte of its file.
    """
    asked = []

    def narrow(weights, normalized, precision):
        asked.append((weights, normalized, precision))
        seed = 0 if weights == "bundled" else Path(weights).read_bytes()[-1]
        with computing_in(precision):
            return narrow_vgg19(seed + 1000 * normalized)

    monkeypatch.setattr(keeping, "pretrained", narrow)
    return asked


def narrow_vgg19(seed):
    rng = np.random.default_rng(seed)
    image = features = keras.Input((None, None, 3))
    for name in ("block1_conv1", "block1_pool", "block2_conv1", "block2_pool"):
        if name.endswith("pool"):
            features = keras.layers.MaxPooling2D(2, name=name)(features)
            continue
        conv = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name=name)
        features = conv(features)
        kernel = rng.normal(0, 0.1, conv.kernel.shape)
        conv.set_weights([kernel, np.zeros(4)])
    return keras.Model(image, features)


NARROW = {
    **TINY,
    "extractor.pooling": "avg",
    "size": 24,
    "pyramid.steps": [2],
    "objective.content_layers": {"block2_conv1": 1},
    "objective.style_layers": {"block1_conv1": 1},
}


class TestChanges:
    """What a run depends on is never that of another."""

    @pytest.mark.parametrize(
        "second",
        [
            {"size": 32},
            {"styles": [{"scale": 0.5}]},
            {"objective.style_layers": {"block2_conv1": 1}},
            {"objective.content_layers": {"block1_conv1": 1}},
            {"objective.style_loss": "moments"},
            {"extractor.pooling": "max"},
            {"extractor.normalized": True},
            {"precision": "bfloat16"},
            {"extractor.weights": "others.h5"},
            {"objective.style_weight": 0},
            {"objective.formulation": "paper"},
        ],
        ids=str,
    )
    def test_of_options(
        self, pretrained, photo, painting, tmp_path, monkeypatch, second
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "others.h5").write_bytes(HDF5_SIGNATURE + b"2")
        kept, inputs = Kept(), make_inputs(photo, painting)
        configs = [make_config(NARROW), make_config(NARROW, second)]
        first, other = (run(config, inputs, kept)[-1] for config in configs)
        assert first[0].losses != other[0].losses
        expected = run(configs[1], inputs, Kept())[-1]
        assert other[0].losses == expected[0].losses
        assert other[1].tobytes() == expected[1].tobytes()
        again = run(configs[0], inputs, kept)[-1]
        assert again[1].tobytes() == first[1].tobytes()

    @pytest.mark.parametrize(
        ("group", "loss"),
        [
            *(("content", loss) for loss in CONTENT_LOSSES),
            *(("style", loss) for loss in STYLE_LOSSES),
        ],
    )
    def test_of_the_weights_of_layers(self, tiny_network, photo, painting, group, loss):
        """The graphs stay the same, so no weight may be written into them."""
        kept, inputs = TinyKept(tiny_network), make_inputs(photo, painting)
        for weight in (1, 7):
            layers = {"block1_conv1": weight, "block2_conv1": 1}
            objective = {f"{group}_loss": loss, f"{group}_layers": layers}
            once = {"objective": objective, "pyramid.steps": [1], "init": "noise"}
            config = make_config(TINY, once)
            found = run(config, inputs, kept)[0][0].losses
            expected = run(config, inputs, TinyKept(tiny_network))[0][0].losses
            assert found == expected

    def test_of_a_style_s_pixels(self, pretrained, photo, painting):
        """Its path is the same, as of a file that was painted over."""
        kept, style = Kept(), {"styles": [{"path": "painting.jpg"}]}
        config = make_config(NARROW, style)
        other = painting.copy()
        other[3, 3] = 1 - other[3, 3]
        results = [
            run(config, make_inputs(photo, each), kept)[-1][0].losses
            for each in (painting, other)
        ]
        assert results[0] != results[1]
        alone = run(config, make_inputs(photo, other), Kept())
        assert results[1] == alone[-1][0].losses

    def test_of_a_style_s_shape(self, pretrained, photo):
        """The same numbers in rows of another length, at one size nearly the same."""
        values = np.linspace(0, 1, 3 * 200, dtype=np.float32)
        config = make_config(NARROW, {"size": 16})
        kept = Kept()
        for shape in ((2, 100, 3), (1, 200, 3)):
            inputs = make_inputs(photo, values.reshape(shape))
            found = run(config, inputs, kept)[-1][0].losses
            assert found == run(config, inputs, Kept())[-1][0].losses

    def test_of_a_file_of_weights(self, pretrained, photo, painting, tmp_path):
        path = tmp_path / "trained.h5"
        config = make_config(NARROW, {"extractor.weights": str(path)})
        kept, inputs, found = Kept(), make_inputs(photo, painting), []
        for seed in (b"1", b"2"):
            path.write_bytes(HDF5_SIGNATURE + seed)
            found.append(run(config, inputs, kept)[-1][0].losses)
        assert found[0] != found[1]
        assert found[1] == run(config, inputs, Kept())[-1][0].losses

    def test_of_a_style_in_tiles(self, tiny_network, photo, painting):
        """Its halves are measured by themselves, but the sums must be the same."""
        kept = TinyKept(tiny_network)
        inputs = make_inputs(photo, painting)
        losses = []
        for tile in ("off", 64):
            config = make_config(TINY, {"size": 96, "memory.tile": tile})
            losses.append(run(config, inputs, kept)[0][0].losses)
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)


class TestBounded:
    def test_makes_a_thing_once(self):
        made = []
        things = Bounded(2)
        for key in "aba":
            assert things.get(key, lambda key=key: made.append(key) or key) == key
        assert made == ["a", "b"]

    def test_drops_what_was_not_used_for_longest(self):
        things = Bounded(2)
        for key in "abca":
            things.get(key, lambda key=key: key.upper())
        assert things.trim() == ["b"]
        assert things.trim() == []
        left = {key: things.get(key, lambda: "new") for key in "abc"}
        assert left == {"a": "A", "b": "new", "c": "C"}

    def test_keeps_nothing_of_what_failed(self):
        things = Bounded(2)
        with pytest.raises(ZeroDivisionError):
            things.get("a", lambda: 1 / 0)
        assert things.get("a", lambda: "A") == "A"


class TestBounds:
    def test_hold_after_a_run(self, pretrained, photo, painting):
        kept = Kept(networks=1, graphs=2, styles=3)
        for size in (16, 20, 24, 28):
            for each in NETWORKS:
                config = make_config(NARROW, each, {"size": size})
                run(config, make_inputs(photo, painting), kept)
        kept.trim()
        things = kept._pretrained, kept._extractors, kept._graphs, kept._styles
        assert [len(each._things) for each in things] == [1, 2, 2, 3]

    def test_a_network_in_use_is_not_the_oldest(self, pretrained):
        """Also where its extractor was there, and so it was not loaded again."""
        kept, config = Kept(networks=2), make_config(NARROW)
        for precision in ("float32", "bfloat16", "float32", "float16"):
            kept.network(config, precision)
        kept.trim()
        pretrained.clear()
        for precision in ("float32", "float16", "bfloat16"):
            kept.network(config, precision)
        assert [precision for _, _, precision in pretrained] == ["bfloat16"]

    @pytest.mark.parametrize("precisions", [("float32",), ("float32", "bfloat16")])
    def test_what_is_dropped_is_freed(
        self, pretrained, photo, painting, precisions, monkeypatch
    ):
        born = []
        whole_graph = keeping.whole_graph

        def spy(network, groups):
            graph = whole_graph(network, groups)
            born.extend(weakref.ref(each) for each in (graph, network))
            born.extend(weakref.ref(weight.value) for weight in network.weights)
            return graph

        monkeypatch.setattr(keeping, "whole_graph", spy)
        kept = Kept(networks=0, graphs=0, styles=0)
        for precision in precisions:
            config = make_config(NARROW, {"precision": precision})
            run(config, make_inputs(photo, painting), kept)
        assert any(each() is not None for each in born)
        kept.trim()
        keras.backend.clear_session()  # Keras remembers the last names it gave
        assert [each() for each in born if each() is not None] == []

    def test_a_network_that_is_dropped_takes_its_extractors_along(self, pretrained):
        """Else each of them would hold all of its weights."""
        kept = Kept(networks=1, graphs=8)
        dropped = []
        for precision in ("float32", "bfloat16"):
            for each in NETWORKS:
                network = kept.network(make_config(each), precision)
                if precision == "float32":
                    dropped.append(weakref.ref(network))
        del network
        kept.trim()
        gc.collect()
        assert [each() for each in dropped] == [None] * len(NETWORKS)
        assert kept.network(make_config(NETWORKS[0]), "bfloat16") is not None
        assert len(pretrained) == 2
