"""Tiles give the whole picture's value and gradient."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, make_tiny_network, small

from tfstyle.config.schema import StyleConfig
from tfstyle.engine import loop as transfer
from tfstyle.engine.plan import Plan
from tfstyle.images import load_image, resize
from tfstyle.objective.tiled import TiledObjective, cut_tiles
from tfstyle.objective.whole import Objective, measure_targets
from tfstyle.vgg.extractor import computing_in, tile_network, vgg19

TINY = {
    "content_layers": {"block4_conv2": 1.0},
    "style_layers": {"block1_conv1": 0.4, "block2_conv1": 0.6},
}


def options(**changes):
    return StyleConfig().with_overrides({"objective": changes}).objective


def tensor(picture):
    return tf.constant(picture[None], tf.float32)


def noisy(picture):
    noise = np.random.default_rng(1).normal(0, 0.1, picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def both(network, objective, pictures, size, precision="float32", **how):
    """Return losses and gradient of the whole, and those by tiles."""
    content, image, *styles = pictures
    weighted = [(tensor(style), i + 1.0) for i, style in enumerate(styles)]
    targets = measure_targets(network, objective, tensor(content), weighted)
    half = precision == "float16"
    whole = Objective(network, objective, targets, half)
    tiled = TiledObjective(
        network, objective, tensor(content), weighted, size, half, **how
    )
    return whole.value_and_gradient(tensor(image)), tiled.value_and_gradient(
        tensor(image)
    )


def assert_equal(whole, tiled, value=1e-6, gradient=1e-5):
    for name, expected, found in zip(whole[0]._fields, whole[0], tiled[0], strict=True):
        assert float(found) == pytest.approx(float(expected), rel=value), name
    error = np.linalg.norm(whole[1] - tiled[1]) / np.linalg.norm(whole[1])
    assert error < gradient
    assert np.abs(whole[1] - tiled[1]).max() < gradient * np.abs(whole[1]).max()


class TestCutTiles:
    @pytest.mark.parametrize("size", [(1, 1), (16, 33), (505, 389), (1024, 100)])
    @pytest.mark.parametrize("tile", [1, 16, 100, 512])
    @pytest.mark.parametrize(("halo", "stride"), [(0, 1), (70, 16), (16, 32)])
    def test_every_pixel_is_inside_one_tile(self, size, tile, halo, stride):
        count = np.zeros(size, int)
        for each in cut_tiles(*size, tile, halo, stride):
            top, left, height, width = each.crop
            above, below, before, after = each.margins
            assert (top + above) % stride == (left + before) % stride == 0
            assert top >= 0
            assert top + height <= size[0]
            assert max(each.margins) <= halo
            # Less halo only where the picture ends.
            assert above == halo or top == 0
            assert below == halo or top + height == size[0]
            count[
                top + above : top + height - below,
                left + before : left + width - after,
            ] += 1
        assert (count == 1).all()

    def test_tiles_are_no_larger_than_asked(self):
        for tile in cut_tiles(1000, 700, 256, 70, 16):
            _, _, height, width = tile.crop
            assert height - sum(tile.margins[:2]) <= 256
            assert width - sum(tile.margins[2:]) <= 256


class TestTileNetwork:
    def test_block5_conv1_needs_70_pixels_around_16(self):
        network = tile_network(vgg19(["block5_conv1"]), ["block5_conv1"])
        assert (network.halo, network.stride) == (70, 16)  # 2 x 70 + 16 = 156

    def test_it_is_cut_at_the_deepest_layer_wanted(self):
        layers = ["block1_conv2", "block3_conv1", "block5_conv1"]
        network = tile_network(vgg19(layers), ["block1_conv2"])
        assert (network.halo, network.stride) == (2, 1)

    def test_a_pooling_aligns_tiles(self):
        network = tile_network(vgg19(["block5_pool"]), ["block5_pool"])
        assert network.stride == 32

    def test_less_halo_changes_the_features(self, tiny_network, photo):
        # The halo is not wider than it has to be.
        network = tile_network(tiny_network, ["block4_conv2"])
        whole = tiny_network(tensor(photo))["block4_conv2"].numpy()
        stride = network.strides["block4_conv2"]
        # With one position less of it, as if the picture ended there, they differ.
        for cut, same in ((0, True), (stride, False)):
            margin = network.halo - cut
            crop, margins = photo[32 - margin :], tf.constant([margin, 0, 0, 0])
            found = network(tensor(crop), margins)["block4_conv2"].numpy()
            inner = whole[:, 32 // stride :]
            found = found[:, -inner.shape[1] :]
            assert np.allclose(found, inner, atol=1e-5) == same


class TestTinyTwin:
    @pytest.mark.parametrize("formulation", ["relative", "mean", "paper"])
    @pytest.mark.parametrize("keep", [True, False])
    @pytest.mark.parametrize("size", [4, 16, 24, 1000])
    def test_formulations(self, tiny_network, photo, painting, formulation, keep, size):
        objective = options(formulation=formulation, **TINY)
        pictures = photo, noisy(photo), painting
        assert_equal(*both(tiny_network, objective, pictures, size, keep_content=keep))

    @pytest.mark.parametrize(
        "weights",
        [
            {"content_weight": 0.0},
            {"style_weight": 0.0},
            {"tv_weight": 0.0},
            {"content_weight": 0.0, "tv_weight": 0.0},
            {"tv_reduction": "sum"},
            {"style_layers": {"block1_conv1": 1.0}},
            {"content_layers": {"block1_conv1": 1.0, "block2_conv1": 0.5}},
        ],
    )
    def test_terms(self, tiny_network, photo, painting, weights):
        objective = options(**{**TINY, **weights})
        pictures = photo, noisy(photo), painting
        assert_equal(*both(tiny_network, objective, pictures, 16))

    def test_several_styles(self, tiny_network, photo, painting):
        pictures = photo, noisy(photo), painting, photo[:30]
        assert_equal(*both(tiny_network, options(**TINY), pictures, 20))

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_other_precisions(self, photo, painting, precision):
        with computing_in(precision):
            network = make_tiny_network(dtype=None)
        pictures = photo, noisy(photo), painting
        found = both(network, options(**TINY), pictures, 20, precision)
        assert_equal(*found, value=1e-2, gradient=0.03)

    def test_a_watcher_counts_tiles_and_can_end_the_evaluation(
        self, tiny_network, photo
    ):
        calls = []

        def watch(done, count):
            calls.append((done, count))
            if len(calls) == limit:
                raise KeyboardInterrupt

        limit = None
        objective = TiledObjective(
            tiny_network,
            options(**TINY),
            tensor(photo),
            [(tensor(photo), 1.0)],
            32,
            on_tile=watch,
        )
        calls.clear()
        objective.value_and_gradient(tensor(photo))
        assert calls == [(done, 8) for done in range(1, 9)]  # 2 x 2 tiles, twice
        calls.clear()
        limit = 3
        with pytest.raises(KeyboardInterrupt):
            objective.value_and_gradient(tensor(photo))
        assert len(calls) == 3

    def test_a_smooth_gradient_against_finite_differences(self, smooth_network, photo):
        photo, random = photo[:24, :30], np.random.default_rng(3)
        objective = TiledObjective(
            smooth_network,
            options(**TINY, tv_weight=0.0),
            tensor(photo),
            [(tensor(photo[::-1]), 1.0)],
            8,
        )
        image = noisy(photo)
        direction = random.normal(size=image.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        step = 0.03
        ahead = objective.losses(tensor(image + step * direction)).total
        behind = objective.losses(tensor(image - step * direction)).total
        _, gradient = objective.value_and_gradient(tensor(image))
        slope = float(np.sum(gradient[0] * direction))
        assert float(ahead - behind) / (2 * step) == pytest.approx(slope, rel=5e-3)


@pytest.fixture(scope="module")
def odd_pictures():
    """Content, image and style at 505 x 389 and 401 x 317."""
    content = resize(load_image(ROOT / "examples/content/chelsea.png"), 389, 505)
    style = small(ROOT / "examples/style/swirls.jpg", 401)
    return content, noisy(content), style


class TestRealNetwork:
    @pytest.mark.parametrize("pooling", ["avg", "max"])
    def test_odd_sizes(self, odd_pictures, pooling):
        objective = options()
        network = vgg19(objective.layers, pooling=pooling)
        for size, keep in ((128, True), (250, False), (64, True), (1000, True)):
            found = both(network, objective, odd_pictures, size, keep_content=keep)
            assert_equal(*found)

    @pytest.mark.parametrize("formulation", ["mean", "paper"])
    def test_formulations(self, odd_pictures, formulation):
        objective = options(formulation=formulation)
        network = vgg19(objective.layers)
        assert_equal(*both(network, objective, odd_pictures, 256))

    def test_bfloat16_to_its_own_rounding(self, odd_pictures):
        objective = options()
        network = vgg19(objective.layers, precision="bfloat16")
        whole, tiled = both(network, objective, odd_pictures, 256)
        exact = both(vgg19(objective.layers), objective, odd_pictures, 1000)[0]
        rounding = np.linalg.norm(whole[1] - exact[1])
        assert np.linalg.norm(tiled[1] - exact[1]) < 1.1 * rounding
        assert float(tiled[0].total) == pytest.approx(float(whole[0].total), rel=1e-3)


def run(size, tile, **overrides):
    """Return the picture of a run of some steps."""
    config = StyleConfig().with_overrides(
        {
            "size": size,
            "precision": "float32",
            "pyramid": {"min_size": None, "steps": [4]},
            "memory.tile": tile,
            **overrides,
        }
    )
    result = transfer.stylize(
        str(ROOT / "examples/content/chelsea.png"),
        str(ROOT / "examples/style/swirls.jpg"),
        **config.model_dump(exclude={"content", "styles"}),
    )
    return result.image


class TestRuns:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_the_picture_is_that_of_the_whole(self, optimizer):
        how = {"optimizer.name": optimizer}
        whole, tiled = run(160, "off", **how), run(160, 64, **how)
        # Where the gradient is nearly zero, rounding decides where a pixel goes.
        assert np.quantile(np.abs(whole - tiled), 0.999) < 1e-3
        assert np.abs(whole - tiled).mean() < 1e-5

    def test_a_half_precise_history_leads_as_far(self):
        how = {"optimizer.history_precision": "bfloat16"}
        assert np.abs(run(160, "off") - run(160, "off", **how)).mean() < 0.01


PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
devices = int(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
one = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [one] * devices)
sys.path.insert(0, sys.argv[2])
from test_tiling import run
picture = run(160, 64)
if len(sys.argv) > 3:
    np.save(sys.argv[3], picture)
"""


def start(devices, *save, **environment):
    """Start a run in a process of its own, with so many logical devices."""
    command = [sys.executable, "-c", PROGRAM, str(devices), str(Path(__file__).parent)]
    return subprocess.Popen(
        [*command, *map(str, save)],
        env={**os.environ, **environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    try:
        for process in processes:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


class TestReplicas:
    def test_two_devices_give_the_picture_of_one(self, tmp_path):
        finish(start(1, tmp_path / "1.npy"))
        finish(start(2, tmp_path / "2.npy"))
        one, two = np.load(tmp_path / "1.npy"), np.load(tmp_path / "2.npy")
        assert np.abs(one - two).max() < 1e-5

    def test_two_processes_give_the_picture_of_one(self, tmp_path):
        addresses = []
        for _ in range(2):
            with socket.socket() as each:
                each.bind(("localhost", 0))
                addresses.append(f"localhost:{each.getsockname()[1]}")
        processes = [
            start(
                1,
                tmp_path / f"{index}.npy",
                no_grpc_proxy="localhost",  # gRPC would go through http_proxy
                TF_CONFIG=json.dumps(
                    {
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    }
                ),
            )
            for index in range(2)
        ]
        finish(*processes)
        first, second = np.load(tmp_path / "0.npy"), np.load(tmp_path / "1.npy")
        assert np.array_equal(first, second)
        assert np.abs(first - run(160, 64)).max() < 1e-5


def test_the_plan_decides(photo, painting, tiny_vgg19):
    """`make_objective` computes in tiles where the plan says so."""
    from tfstyle.engine.context import Setting
    from tfstyle.engine.inputs import Inputs
    from tfstyle.engine.schedule import Scale
    from tfstyle.engine.stage import make_objective

    config = StyleConfig().with_overrides({"styles": [{}], "objective": TINY})
    setting = Setting(config, Inputs(photo, [painting]), "float32")
    how = tiny_vgg19, setting, Scale(64, 1)
    tiled = make_objective(*how, Plan(16, config.optimizer, True, 1.0))
    assert isinstance(tiled, TiledObjective)
    assert tiled.size == 16
    whole = make_objective(*how, Plan(None, config.optimizer, True, 1.0))
    assert isinstance(whole, Objective)
