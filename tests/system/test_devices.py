"""tfstyle.system.devices: named, and set up without a trace afterwards."""

import logging
import random
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

from tfstyle.system.devices import device_name, devices, drawing_nothing, prepared

COMPARE = """
import os, random, signal, warnings
from tfstyle.system.quiet import require_tensorflow
before_import = dict(os.environ).get("TF_CPP_MIN_LOG_LEVEL"), random.getstate()
require_tensorflow()
assert before_import == (os.environ.get("TF_CPP_MIN_LOG_LEVEL"), random.getstate())

import keras, logging
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled
from tfstyle.system.devices import drawing_nothing, prepared

def state():
    name, keys, *rest = np.random.get_state()
    return {
        "variables": dict(os.environ),
        "random": random.getstate(),
        "numpy": (name, keys.tolist(), rest),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "determinism": is_op_determinism_enabled(),
        "loggers": [
            (each.level, list(each.filters), list(each.handlers))
            for each in (tf.get_logger(), logging.getLogger())
        ],
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "format": keras.config.image_data_format(),
    }

{chosen}
before = state()
with prepared(), drawing_nothing():
    inside = state()
    layer = keras.layers.Conv2D(3, 3)
    layer(np.ones((1, 8, 8, 3), "float32"))
    np.random.random()
assert layer.kernel.dtype == layer.compute_dtype == "float32"
assert (inside["determinism"], inside["format"]) == (True, "channels_last")
after = state()
print([name for name in before if before[name] != after[name]])
tf.random.normal((2,))  # refused where operations have to be deterministic
"""
CHOSEN = """
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("mixed_bfloat16")
keras.config.set_image_data_format("channels_first")
"""


class TestPrepared:
    @pytest.mark.parametrize("chosen", ["", CHOSEN], ids=["defaults", "chosen"])
    def test_leaves_the_process_as_it_was(self, chosen):
        command = [sys.executable, "-c", COMPARE.replace("{chosen}", chosen)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("[]\n", "")

    def test_keras_still_follows_floatx(self):
        """As it does until somebody has asked for the policy."""
        code = (
            "from tfstyle.system.quiet import quiet_import\n"
            "from tfstyle.system.devices import prepared\n"
            "with quiet_import(): import keras\n"
            "with prepared(): keras.layers.Conv2D(3, 3)\n"
            "keras.config.set_floatx('float64'); print(keras.layers.Dense(1).dtype)"
        )
        command = [sys.executable, "-c", code]
        assert subprocess.check_output(command, text=True) == "float64\n"

    def test_restores_after_an_exception(self):
        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), prepared():
            fail()
        assert not is_op_determinism_enabled()

    def test_what_others_draw_meanwhile_stays_drawn(self):
        """Random states belong to all threads: only building layers restores them."""
        before = random.getstate(), np.random.random()
        with prepared():
            drawn = random.random(), np.random.random()
        assert random.getstate() != before[0]
        assert (random.random(), np.random.random()) != drawn

    def test_nested_blocks_end_with_the_outermost(self):
        filters = list(tf.get_logger().filters)
        with prepared():
            with prepared():
                pass
            assert is_op_determinism_enabled()
            assert tf.get_logger().filters != filters
        assert not is_op_determinism_enabled()
        assert tf.get_logger().filters == filters

    def test_threads_end_with_the_last(self):
        """The first to enter leaves first, which must not undo what the other needs."""
        entered, leave = threading.Event(), threading.Event()
        seen = []

        def work():
            with prepared():
                entered.set()
                leave.wait(30)
                seen.append(is_op_determinism_enabled())

        thread = threading.Thread(target=work)
        with prepared():
            thread.start()
            entered.wait(30)
        leave.set()
        thread.join()
        assert seen == [True]
        assert not is_op_determinism_enabled()

    def test_a_program_s_own_determinism_is_kept(self):
        tf.config.experimental.enable_op_determinism()
        try:
            with prepared():
                pass
            assert is_op_determinism_enabled()
        finally:
            from tensorflow.python.framework.config import disable_op_determinism

            disable_op_determinism()

    def test_says_nothing_of_retracing(self, caplog):
        with caplog.at_level(logging.WARNING, "tensorflow"), prepared():
            tf.get_logger().warning("5 of the last 5 calls triggered retracing")
            tf.get_logger().warning("something else")
        assert [record.getMessage() for record in caplog.records] == ["something else"]


class TestDrawingNothing:
    def test_restores_after_an_exception(self):
        def fail():
            random.random()
            np.random.random()
            raise ZeroDivisionError

        before = random.getstate()
        state = np.random.get_state()[1].tolist()
        with pytest.raises(ZeroDivisionError), drawing_nothing():
            fail()
        assert random.getstate() == before
        assert np.random.get_state()[1].tolist() == state

    def test_another_generator_of_numpy(self):
        before = np.random.get_bit_generator()
        np.random.set_bit_generator(np.random.PCG64(1))
        try:
            with drawing_nothing():
                first = np.random.random()
            assert np.random.random() == first
        finally:
            np.random.set_bit_generator(before)


class TestMemoryGrowth:
    @pytest.fixture
    def growth(self, monkeypatch):
        """Of two GPUs that TensorFlow sees; the second one is in use already."""
        growth = {"GPU:0": None, "GPU:1": None}

        def grow(gpu, on):
            if gpu == "GPU:1":
                raise RuntimeError("cannot be modified after being initialized")
            growth[gpu] = on

        config = tf.config.experimental
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [*growth])
        monkeypatch.setattr(config, "get_memory_growth", growth.__getitem__)
        monkeypatch.setattr(config, "set_memory_growth", grow)
        return growth

    def test_as_needed_where_possible(self, growth):
        with prepared():
            assert growth == {"GPU:0": True, "GPU:1": None}
        assert growth == {"GPU:0": None, "GPU:1": None}


class TestNames:
    def test_of_this_machine(self):
        assert re.fullmatch(r"CPU \(\d+ cores\)|GPU \(.+\)", device_name())
        assert all(re.search(r"(CPU|GPU):\d+$", name) for name in devices())

    def test_of_gpus(self, monkeypatch):
        gpu, cpu = (
            SimpleNamespace(name=f"/device:{kind}:0") for kind in ("GPU", "CPU")
        )
        by_kind = {"GPU": [gpu], "CPU": [cpu]}
        details = {"device_name": "H100"}
        config = tf.config.experimental
        monkeypatch.setattr(tf.config, "get_visible_devices", by_kind.get)
        monkeypatch.setattr(tf.config, "list_logical_devices", by_kind.get)
        monkeypatch.setattr(config, "get_device_details", lambda gpu: details)
        assert device_name() == "GPU (H100)"
        assert devices() == ["/device:GPU:0"]
        details.clear()
        assert device_name() == "GPU (/device:GPU:0)"

    def test_a_hidden_gpu_is_none(self, monkeypatch):
        """A program may have told TensorFlow to leave its GPUs alone."""
        cpus = {"CPU": [SimpleNamespace(name="CPU:0")], "GPU": []}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
        monkeypatch.setattr(tf.config, "get_visible_devices", cpus.get)
        monkeypatch.setattr(tf.config, "list_logical_devices", cpus.get)
        assert device_name().startswith("CPU")
        assert devices() == ["CPU:0"]
