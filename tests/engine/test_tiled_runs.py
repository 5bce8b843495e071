"""Runs in tiles: the same picture, on one device or several, in one process or two."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from conftest import CONTENT, ROOT, STYLE
from tiled_runs import run

from tfstyle.config import StyleConfig
from tfstyle.engine.context import Context
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.kept import to_tensor
from tfstyle.engine.plan import Plan
from tfstyle.engine.schedule import Scale
from tfstyle.engine.start import noise
from tfstyle.images import load_image, resize
from tfstyle.objective.tiled import Tiled
from tfstyle.objective.whole import Whole


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
from tiled_runs import run
np.save(sys.argv[2], run(160, 64))
"""


def start(devices, save, **environment):
    """Start a run in a process of its own, with so many logical devices."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(devices), str(save)],
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": paths,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
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


@pytest.mark.slow
class TestReplicas:
    def test_two_devices_give_the_picture_of_one(self, tmp_path):
        finish(start(1, tmp_path / "1.npy"))
        finish(start(2, tmp_path / "2.npy"))
        one, two = np.load(tmp_path / "1.npy"), np.load(tmp_path / "2.npy")
        assert np.abs(one - two).max() < 1e-5

    def test_two_processes_give_the_picture_of_one(self, tmp_path):
        """Each keeps the content's features of its own tiles alone."""
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


def test_the_plan_decides(photo, painting, tiny_kept):
    """The objective is computed in tiles where the plan says so."""
    tiny = {
        "content_layers": {"block4_conv2": 1.0},
        "style_layers": {"block1_conv1": 0.4, "block2_conv1": 0.6},
    }
    config = StyleConfig().with_overrides({"styles": [{}], "objective": tiny})
    context = Context(config, Inputs(photo, [painting]), "float32")
    plans = [Plan(tile, config.optimizer, True, 1.0) for tile in (16, None)]
    tiled, whole = (tiny_kept.objective(context, Scale(64, 1), plan) for plan in plans)
    assert isinstance(tiled, Tiled)
    assert tiled.size == 16
    assert isinstance(whole, Whole)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["gram", "nearest"])
def test_masks_in_tiles_are_those_of_the_whole(real_kept, loss):
    """At 512 px, with a border between styles, a part of one, and a kept face."""
    photo, painting = (resize(load_image(each), 342, 512) for each in (CONTENT, STYLE))
    top, face = np.zeros((2, 60, 80, 1), np.float32)
    top[:31], face[20:40, 30:60] = 1, 1
    inputs = Inputs(
        photo,
        [painting, painting[::-1]],
        mask=face,
        style_masks=[top, None],
        source_masks=[None, top],
    )
    config = StyleConfig().with_overrides(
        {
            "styles": [{"mask": "top.png"}, {"style_mask": "top.png"}],
            "keep.mask": "face.png",
            "objective.style_loss": loss,
            "precision": "float32",
        }
    )
    context, scale = Context(config, inputs, "float32"), Scale(512, 1, 1)
    image = to_tensor(noise(342, 512, seed=1))
    found = []
    for tile in (None, 192):
        plan = Plan(tile, config.optimizer, True, 1.0)
        objective = real_kept.objective(context, scale, plan)
        found.append([each.numpy() for each in objective.value_and_gradient(image)])
    (losses, gradient), (others, other) = found
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    assert np.linalg.norm(gradient - other) < 1e-5 * np.linalg.norm(gradient)
