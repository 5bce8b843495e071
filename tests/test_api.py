"""tfstyle.api: small transfers by its front door, and the process around them."""

import random
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from small_runs import ONE_LINE, SMALL, TINY, make_config, make_inputs
from tensorflow.python.framework.config import is_op_determinism_enabled

from tfstyle import Stop, api, stylize
from tfstyle.api import transfer
from tfstyle.images import cover, fit_size, save_image


class TestStylize:
    def test_makes_a_picture_that_is_nearer_to_the_style(self, photo, painting):
        steps = []
        result = stylize(photo, painting, **SMALL, on_step=steps.append)
        assert result.image.shape == (*fit_size(*photo.shape[:2], 48), 3)
        assert result.image.dtype == np.float32
        assert 0 <= result.image.min() < result.image.max() <= 1
        assert result.steps == 3
        assert result.seconds > 0
        assert result.losses == steps[-1].losses
        totals = [step.losses["total"] for step in steps]
        assert totals == sorted(totals, reverse=True)
        assert steps[-1].losses["style"] < 0.8 * steps[0].losses["style"]

    def test_its_losses_are_floats_by_name(self, tiny_vgg19, photo, painting):
        losses = stylize(photo, painting, **TINY).losses
        assert isinstance(losses, Mapping)
        assert list(losses) == ["total", "content", "style", "variation"]
        assert {type(value) for value in losses.values()} == {float}

    def test_takes_paths(self, tiny_vgg19, content_path, style_path):
        result = stylize(str(content_path), style_path, **TINY)
        assert result.image.shape == (32, 48, 3)

    def test_paths_and_arrays_give_the_same(self, photo, painting, tmp_path):
        exact = [np.rint(each * 255) / 255 for each in (photo, painting)]
        for name, picture in zip(("photo.png", "painting.png"), exact, strict=True):
            save_image(tmp_path / name, picture)
        from_arrays = stylize(*exact, **SMALL)
        from_paths = stylize(
            tmp_path / "photo.png", [tmp_path / "painting.png"], **SMALL
        )
        np.testing.assert_array_equal(from_paths.image, from_arrays.image)

    def test_keeps_what_a_mask_says(self, tiny_vgg19, photo, painting, tmp_path):
        mask = np.zeros_like(photo)
        mask[:20] = 1
        save_image(tmp_path / "mask.png", mask)
        keep = {"mask": tmp_path / "mask.png"}
        image = stylize(photo, painting, **{**TINY, "size": 64}, keep=keep).image
        np.testing.assert_array_equal(image[:20], photo[:20])
        assert np.abs(image - photo)[20:].mean() > 0.01

    def test_takes_colors_of_a_third_picture(
        self, tiny_vgg19, photo, painting, tmp_path
    ):
        save_image(tmp_path / "palette.png", painting[..., ::-1])
        options = {**TINY, "palette": tmp_path / "palette.png"}
        image = stylize(photo, painting, **options).image
        wanted = painting[..., ::-1].mean((0, 1))
        np.testing.assert_allclose(image.mean((0, 1)), wanted, atol=0.06)

    def test_a_start_is_read_from_its_file(self, tiny_vgg19, photo, painting, tmp_path):
        save_image(tmp_path / "start.png", painting)
        first = []
        stylize(
            photo,
            painting,
            **TINY,
            init=str(tmp_path / "start.png"),
            on_step=lambda step: first.append(step.image()),
        )
        expected = cover(np.rint(painting * 255) / 255, 32, 48)
        np.testing.assert_allclose(first[0], expected, atol=1e-6)

    def test_leaves_its_arguments_alone(self, tiny_vgg19, photo, painting):
        content, style = photo.copy(), painting.copy()
        stylize(content, style, **TINY)
        np.testing.assert_array_equal(content, photo)
        np.testing.assert_array_equal(style, painting)

    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            ({"sze": 48}, "did you mean size?"),
            ({"objective": {"tv_wieght": 1}}, "did you mean tv_weight?"),
            ({"size": 8}, "size is 8: it should be"),
            (
                {"size": 17, "objective": {"style_layers": {"block5_conv1": 1}}},
                "17 x 11 pixels at the coarsest size",
            ),
            ({"init": "missing.png"}, "missing.png: No such file"),
            ({"styles": [{"weight": 2}, {"weight": 3}]}, "styles has 2 entries for 1"),
        ],
    )
    def test_bad_options_are_refused(self, photo, painting, overrides, expected):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            stylize(photo, painting, **overrides)
        assert expected in str(error.value)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda picture: picture[None], "without a batch axis"),
            (lambda picture: np.uint8(255 * picture), "divide 8-bit pixels by 255"),
            (lambda picture: picture[:5, :5], "5 x 5 pixels"),
            (lambda _: "missing.jpg", "missing.jpg: No such file"),
        ],
    )
    def test_bad_pictures_are_refused(self, photo, painting, change, expected):
        for pictures in ((change(photo), painting), (photo, change(painting))):
            with pytest.raises(ValueError, match=ONE_LINE) as error:
                stylize(*pictures)
            assert expected in str(error.value)

    def test_a_style_is_needed(self, photo):
        with pytest.raises(ValueError, match="no style picture"):
            stylize(photo, [], **SMALL)

    def test_no_style_is_needed_where_style_has_no_weight(self, tiny_vgg19, photo):
        result = stylize(photo, [], **TINY, **{"objective.style_weight": 0})
        assert result.losses["style"] == 0


class TestSeed:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_the_same_gives_the_same_bytes(self, photo, painting, optimizer):
        options = {**SMALL, "init": "noise", "seed": 5, "optimizer.name": optimizer}
        first, second = (stylize(photo, painting, **options) for _ in range(2))
        assert first.image.tobytes() == second.image.tobytes()
        assert first.losses == second.losses

    def test_does_not_depend_on_the_random_state(self, tiny_vgg19, photo, painting):
        results = []
        for state in (1, 2):
            np.random.seed(state)
            keras.utils.set_random_seed(state)
            results.append(stylize(photo, painting, **TINY, init="noise").image)
        np.testing.assert_array_equal(*results)


class TestStop:
    @pytest.mark.parametrize("number", [0, 1, 3])
    def test_ends_the_run_and_keeps_the_result(
        self, tiny_vgg19, photo, painting, number
    ):
        seen = []

        def watch(step):
            seen.append((step.image(), step.losses))
            if step.step == number:
                raise Stop

        result = stylize(photo, painting, **TINY, on_step=watch)
        assert result.steps == number == len(seen) - 1
        np.testing.assert_array_equal(result.image, seen[-1][0])
        assert result.losses == seen[-1][1]

    def test_an_error_is_the_caller_s(self, tiny_vgg19, photo, painting):
        def fail(step):
            raise StopAsyncIteration(step.step)

        with pytest.raises(StopAsyncIteration, match="0"):
            stylize(photo, painting, **TINY, on_step=fail)
        assert not is_op_determinism_enabled()


def process_state():
    """Return what a program has set that a run might change."""
    name, keys, *rest = np.random.get_state()
    return {
        "determinism": is_op_determinism_enabled(),
        "filters": list(tf.get_logger().filters),
        "random": random.getstate(),
        "numpy": (name, keys.tolist(), rest),
        "policy": keras.config.dtype_policy().name,
        "format": keras.config.image_data_format(),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "warnings": list(warnings.filters),
    }


class TestTransfer:
    def test_leaves_the_process_alone_between_steps(self, tiny_vgg19, photo, painting):
        before = process_state()
        for step in transfer(make_config(TINY), make_inputs(photo, painting)):
            assert process_state() == before
            tf.random.normal((2,))  # refused where operations must be deterministic
            assert step.image().shape == (32, 48, 3)

    def test_closed_early_gives_the_process_back(self, tiny_vgg19, photo, painting):
        before = process_state()
        steps = transfer(make_config(TINY), make_inputs(photo, painting))
        next(steps)
        next(steps)
        steps.close()
        assert process_state() == before
        assert [*steps] == []

    def test_closed_before_it_began(self, photo, painting):
        transfer(make_config(TINY), make_inputs(photo, painting)).close()

    def test_fails_and_gives_the_process_back(
        self, tiny_vgg19, photo, painting, monkeypatch
    ):
        def fail(*_):
            raise MemoryError

        monkeypatch.setattr("tfstyle.engine.stage.make_optimizer", fail)
        before = process_state()
        with pytest.raises(MemoryError):
            next(transfer(make_config(TINY), make_inputs(photo, painting)))
        assert process_state() == before

    def test_what_all_runs_keep_is_trimmed(self, tiny_kept, photo, painting):
        trimmed = []

        class Spy(type(tiny_kept)):
            def trim(self):
                trimmed.append(self)
                super().trim()

        kept = Spy(tiny_kept._network)
        [*_] = transfer(make_config(TINY), make_inputs(photo, painting), kept=kept)
        assert trimmed == [kept]

    def test_all_runs_of_a_process_share_what_is_kept(self):
        assert api._shared() is api._shared()

    def test_two_at_once(self, tiny_vgg19, photo, painting):
        """Each goes on as if it were alone."""
        config = make_config(TINY)
        inputs = make_inputs(photo, painting), make_inputs(photo[::-1], painting)
        alone = [[step.losses for step in transfer(config, each)] for each in inputs]
        together = zip(*(transfer(config, each) for each in inputs), strict=True)
        found = [(first.losses, second.losses) for first, second in together]
        assert found == [*zip(*alone, strict=True)]


SAME = """
import os, random, signal, warnings
import numpy as np
from tfstyle.images import fit_size, load_image, resize
from conftest import CONTENT, STYLE, small

photo, painting = small(CONTENT, 32), small(STYLE, 32)
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)

def plain():
    name, keys, *rest = np.random.get_state()
    return {
        "variables": {**os.environ, "LD_LIBRARY_PATH": ""},  # OpenCV's, if it is there
        "random": random.getstate(),
        "numpy": (name, keys.tolist(), rest),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "folder": os.getcwd(),
    }

def loaded():
    import keras, logging
    import tensorflow as tf
    from tensorflow.python.framework.config import is_op_determinism_enabled
    return {
        **plain(),
        "determinism": is_op_determinism_enabled(),
        "loggers": [
            (each.level, list(each.filters), list(each.handlers))
            for each in (tf.get_logger(), logging.getLogger())
        ],
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "format": keras.config.image_data_format(),
        "warnings": (list(warnings.filters), warnings.showwarning),
    }

def run(**options):
    from tfstyle import stylize
    objective = {"style_layers": {"block1_conv1": 1}, "content_layers": {}}
    pyramid = {"min_size": None, "steps": [2]}
    return stylize(photo, painting, size=32, objective=objective, pyramid=pyramid)

changed = []
before = plain()
first = run()
after = plain()
changed += [name for name in before if before[name] != after[name]]

import keras, tensorflow as tf
tf.random.normal((2,))  # refused where operations have to be deterministic
defaults = loaded()
assert not defaults["determinism"]
assert (defaults["policy"], defaults["format"]) == ("float32", "channels_last")

keras.config.set_dtype_policy("mixed_bfloat16")
keras.config.set_image_data_format("channels_first")
tf.get_logger().setLevel("ERROR")
before = loaded()
second = run()
after = loaded()
changed += [name for name in before if before[name] != after[name]]
assert second.image.tobytes() == first.image.tobytes()
tf.random.normal((2,))
print(changed)
"""


def test_the_process_is_afterwards_as_before():
    """What the program has set of TensorFlow and Keras changes no run, either."""
    done = subprocess.run(
        [sys.executable, "-c", SAME], cwd=ROOT / "tests", capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
