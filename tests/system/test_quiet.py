"""tfstyle.system.quiet: imports that say nothing, and Keras on TensorFlow."""

import importlib
import os
import random
import subprocess
import sys

import pytest

from tfstyle.system.quiet import LOG_LEVEL, quiet_import


def python(code, **variables):
    """Run code in a process of its own; return its output and what it wrote to stderr.

    A variable that is None is not set.
    """
    env = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr


class TestQuietImport:
    @pytest.mark.parametrize("before", [None, "1"])
    def test_restores_the_log_level(self, monkeypatch, before):
        monkeypatch.delenv(LOG_LEVEL, raising=False)
        if before:
            monkeypatch.setenv(LOG_LEVEL, before)
        with quiet_import():
            assert os.environ[LOG_LEVEL] == (before or "3")
        assert os.environ.get(LOG_LEVEL) == before
        with pytest.raises(ModuleNotFoundError), quiet_import():
            importlib.import_module("tfstyle.nowhere")
        assert os.environ.get(LOG_LEVEL) == before

    def test_restores_the_random_state(self):
        before = random.getstate()
        with quiet_import():
            random.random()
        assert random.getstate() == before

    def test_tensorflow_stays_quiet_when_it_starts_its_devices(self):
        code = (
            "from tfstyle.system.quiet import require_tensorflow\n"
            "require_tensorflow()\n"
            "import os, tensorflow as tf\n"
            "print(float(tf.ones(())), os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
        )
        assert python(code, **{LOG_LEVEL: None}) == ("1.0 None\n", "")


REQUIRE = """
from tfstyle.system.quiet import require_tensorflow
try:
    require_tensorflow()
except ValueError as error:
    print(error)
"""
LINE = (
    "Keras' backend is 'jax', and tfstyle needs 'tensorflow'; set the variable "
    "KERAS_BACKEND=tensorflow before Python starts\n"
)


class TestRequireTensorflow:
    def test_refuses_the_variable_s_backend(self, tmp_path):
        """Whether or not it is installed."""
        said = python(REQUIRE, KERAS_BACKEND="jax", KERAS_HOME=str(tmp_path))
        assert said == (LINE, "")

    def test_refuses_that_of_keras_json(self, tmp_path):
        (tmp_path / "keras.json").write_text('{"backend": "jax"}')
        said = python(REQUIRE, KERAS_BACKEND=None, KERAS_HOME=str(tmp_path))
        assert said == (LINE, "")

    def test_refuses_that_of_a_loaded_keras(self, tmp_path):
        """Here one that only says so, as jax may not be installed."""
        loaded = (
            "import sys, types; keras = types.ModuleType('keras')\n"
            "keras.config = types.SimpleNamespace(backend=lambda: 'jax')\n"
            "sys.modules['keras'] = keras\n"
        )
        said = python(loaded + REQUIRE, KERAS_BACKEND=None, KERAS_HOME=str(tmp_path))
        assert said == (LINE, "")

    @pytest.mark.parametrize("options", ['{"backend": "jax"}', "[]", "{"])
    def test_the_variable_wins_over_keras_json(self, monkeypatch, tmp_path, options):
        from tfstyle.system.quiet import _configured_backend

        (tmp_path / "keras.json").write_text(options)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
        assert _configured_backend() == "tensorflow"

    def test_accepts_what_is_there(self, tmp_path):
        said = python(REQUIRE, KERAS_BACKEND=None, KERAS_HOME=str(tmp_path))
        assert said == ("", "")
