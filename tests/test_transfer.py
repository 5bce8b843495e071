"""tfstyle.engine.loop: small transfers with the real VGG19, or with its tiny twin."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import StyleConfig, stylize
from tfstyle.engine import context as setting
from tfstyle.engine import stage
from tfstyle.engine.context import Setting
from tfstyle.engine.inputs import Inputs, cover
from tfstyle.engine.loop import optimize
from tfstyle.engine.plan import SLOWER, Plan
from tfstyle.engine.schedule import schedule
from tfstyle.engine.start import noise
from tfstyle.images import fit_size, resize, save_image
from tfstyle.vgg.extractor import load_vgg19

ONE_LINE = r"\A[^\n]+\Z"
SMALL = {
    "size": 48,
    "pyramid": {"min_size": None, "steps": [3]},
    "optimizer.history": 3,  # as many as there are steps: less to compile
    "precision": "float32",
}
TINY = {
    **SMALL,
    "objective.content_layers": {"block4_conv2": 1},
    "objective.style_layers": {"block1_conv1": 0.5, "block2_conv1": 0.5},
}
TWO_SCALES = {**TINY, "size": 32, "pyramid": {"min_size": 16, "steps": [3, 4]}}


def make_config(*overrides, styles=1):
    config = StyleConfig(styles=[{}] * styles)
    for each in overrides:
        config = config.with_overrides(each)
    return config


def make_inputs(content, *styles, start=None):
    return Inputs(content, list(styles), start)


def run(config, inputs, resume=None):
    """Return each step of a run together with its picture and checkpoint."""
    return [
        (step, step.image(), step.checkpoint())
        for step in optimize(config, inputs, resume)
    ]


def measure(config, inputs, image):
    """Return the losses of an image at the last size of a config."""
    network = stage.make_network(config, "float32")
    scale = schedule(config.pyramid, config.size)[-1]
    how = Setting(config, inputs, "float32")
    objective = stage.make_objective(network, how, scale, how.plan(scale))
    return objective.losses(tf.constant(image[None]))


@pytest.fixture(scope="module", autouse=True)
def one_network_of_a_kind():
    """Build each network once: they have no state."""
    build = functools.cache(stage.vgg19)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            stage, "vgg19", lambda layers, *options: build(tuple(layers), *options)
        )
        yield


@pytest.fixture(scope="module")
def baseline(photo, painting):
    """Stylize once for each set of options that other runs are compared with."""
    done = {}

    def run_once(options):
        key = repr(sorted(options.items()))
        if key not in done:
            done[key] = stylize(photo, [painting, painting[::-1] ** 2], **options)
        return done[key]

    return run_once


@pytest.fixture(scope="module")
def whole(tiny_network, photo, painting):
    """The uninterrupted run of each optimizer, with its config and inputs."""
    inputs = make_inputs(photo, painting)
    configs = {
        name: make_config(TWO_SCALES, {"optimizer.name": name})
        for name in ("lbfgs", "adam")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "vgg19", lambda *_, **__: tiny_network)
        return {
            name: (config, inputs, run(config, inputs))
            for name, config in configs.items()
        }


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
        totals = [step.losses.total for step in steps]
        assert totals == sorted(totals, reverse=True)
        assert steps[-1].losses.style < 0.8 * steps[0].losses.style

    def test_takes_paths(self, content_path, style_path):
        result = stylize(str(content_path), style_path, **SMALL)
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
            ({"size": 17}, "17 x 11 pixels at the coarsest size"),
            ({"init": "missing.png"}, "missing.png: No such file"),
            pytest.param(
                {"styles": [{"weight": 2}, {"weight": 3}]},
                "styles",
            ),
        ],
    )
    def test_bad_options_are_refused(self, photo, painting, overrides, expected):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            stylize(photo, painting, **overrides)
        assert expected in str(error.value)
        assert "zip()" not in str(error.value)

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
        with pytest.raises(ValueError, match="style"):
            stylize(photo, [], **SMALL)

    def test_no_style_is_needed_where_style_has_no_weight(self, tiny_vgg19, photo):
        result = stylize(photo, [], **TINY, **{"objective.style_weight": 0})
        assert result.losses.style == 0

    def test_on_step_may_stop_the_run(self, tiny_vgg19, photo, painting):
        def stop(step):
            raise StopAsyncIteration(step.step)

        with pytest.raises(StopAsyncIteration, match="0"):
            stylize(photo, painting, **TINY, on_step=stop)


class TestSteps:
    @pytest.fixture
    def steps(self, whole):
        return [step for step, _, _ in whole["lbfgs"][2]]

    def test_are_counted_through_the_sizes(self, steps):
        assert [step.step for step in steps] == list(range(8))
        assert [step.scale for step in steps] == [0] * 4 + [1] * 4
        assert {step.scales for step in steps} == {2}

    def test_have_the_size_of_their_scale(self, steps):
        sizes = [(step.height, step.width) for step in steps]
        assert sizes == [(11, 16)] * 4 + [(22, 32)] * 4

    def test_have_the_size_of_their_picture(self, whole):
        for step, image, _ in whole["lbfgs"][2]:
            assert image.shape == (step.height, step.width, 3)
            assert image.dtype == np.float32

    def test_progress_is_the_share_of_the_work(self, steps):
        progress = [step.progress for step in steps]
        small, large = 3 * 16**2, 4 * 32**2
        assert progress[0] == 0
        assert progress[3] == pytest.approx(small / (small + large))
        assert progress[-1] == pytest.approx(1)
        assert progress == sorted(progress)

    def test_progress_knows_that_tiles_are_slower(self, photo, painting):
        config = make_config({"memory.tile": 64, "size": 96, "precision": "float32"})
        config = config.with_overrides({"pyramid": {"min_size": 64, "steps": [5]}})
        small, large = Setting(config, make_inputs(photo, painting), "float32").work
        assert large / small == pytest.approx(SLOWER * 1.5**2)

    def test_seconds_pass(self, steps):
        seconds = [step.seconds for step in steps]
        assert seconds == sorted(seconds)

    def test_only_the_last_is_the_last(self, steps):
        assert [step.last for step in steps] == [False] * 7 + [True]

    def test_are_records(self, steps):
        with pytest.raises(dataclasses.FrozenInstanceError):
            steps[0].step = 9

    def test_losses_are_plain_numbers(self, steps):
        assert all(type(value) is float for step in steps for value in step.losses)

    def test_many_scales_draw_no_warning(self, tiny_vgg19, photo, painting, caplog):
        pyramid = {"min_size": 17, "steps": [1]}
        config = make_config({**TINY, "size": 544, "pyramid": pyramid})
        steps = [step for step, _, _ in run(config, make_inputs(photo, painting))]
        assert steps[-1].scales == 6
        assert caplog.messages == []

    def test_a_run_that_cannot_improve_ends(self, tiny_vgg19, photo, painting):
        config = make_config(
            {**TINY, "objective.style_weight": 0, "objective.tv_weight": 0}
        )
        steps = [step for step, _, _ in run(config, make_inputs(photo, painting))]
        assert steps[-1].converged
        assert steps[-1].last
        assert steps[-1].step < 3


class TestLosses:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_are_those_of_the_picture_of_the_step(self, photo, painting, optimizer):
        config = make_config(SMALL, {"optimizer.name": optimizer})
        inputs = make_inputs(photo, painting)
        for step, image, _ in run(config, inputs)[-2:]:
            measured = [float(value) for value in measure(config, inputs, image)]
            np.testing.assert_allclose(list(step.losses), measured, rtol=1e-4)

    def test_total_is_the_weighted_sum(self, photo, painting):
        losses = stylize(
            photo,
            painting,
            **SMALL,
            objective={"content_weight": 3, "style_weight": 5, "tv_weight": 7},
        ).losses
        assert losses.total == pytest.approx(
            3 * losses.content + 5 * losses.style + 7 * losses.variation, rel=1e-5
        )


# What is compared: options of both runs, and those of the second. A baseline that does
# not use the option, as Adam's without Adam, would hide one that does nothing.
ADAM = {"optimizer.name": "adam"}
EFFECTS = {
    "styles.weight": ({}, {"styles": [{"weight": 1}, {"weight": 3}]}),
    "styles.scale": ({}, {"styles": [{"scale": 1.5}, {"scale": 1.5}]}),
    "size": ({}, {"size": 40}),
    "init": ({}, {"init": "noise"}),
    "seed": ({"init": "noise"}, {"seed": 1}),
    "extractor.pooling": ({}, {"extractor.pooling": "max"}),
    "extractor.normalized": ({}, {"extractor.normalized": True}),
    "objective.formulation": ({}, {"objective.formulation": "mean"}),
    "objective.content_weight": ({}, {"objective.content_weight": 2}),
    "objective.content_layers": ({}, {"objective.content_layers": {"block3_conv1": 1}}),
    "objective.style_weight": ({}, {"objective.style_weight": 40}),
    "objective.style_layers": ({}, {"objective.style_layers.block5_conv1": 0}),
    "objective.tv_weight": ({}, {"objective.tv_weight": 9}),
    "optimizer.history_precision": ({}, {"optimizer.history_precision": "bfloat16"}),
    "objective.tv_reduction": ({}, {"objective.tv_reduction": "sum"}),
    "optimizer.name": ({}, ADAM),
    "optimizer.history": ({}, {"optimizer.history": 1}),
    "optimizer.tolerance": ({"pyramid.steps": [11]}, {"optimizer.tolerance": 0.999}),
    "optimizer.learning_rate": (ADAM, {"optimizer.learning_rate": 0.05}),
    "optimizer.beta_1": (ADAM, {"optimizer.beta_1": 0.5}),
    "optimizer.beta_2": (ADAM, {"optimizer.beta_2": 0.5}),
    "optimizer.epsilon": (ADAM, {"optimizer.epsilon": 0.1}),
    "pyramid.min_size": ({}, {"pyramid.min_size": 32}),
    "pyramid.steps": ({}, {"pyramid.steps": [2]}),
    "precision": ({}, {"precision": "bfloat16"}),
}
ELSEWHERE = {
    "content.path": "test_takes_paths",
    "styles.path": "test_takes_paths",
    "extractor.weights": "test_weights_of_a_file",
    "objective.style_loss": "has one value so far",
    "memory.limit_gib": "tests/test_memory.py",
    "memory.tile": "tests/test_tiling.py",
    "memory.max_megapixels": "tests/test_inputs.py",
}


class TestEveryOption:
    def test_is_here(self):
        def keys(section, prefix=""):
            for name, field in type(section).model_fields.items():
                value = getattr(section, name)
                inner = value[0] if name == "styles" else value
                if hasattr(type(inner), "model_fields"):
                    yield from keys(inner, f"{prefix}{name}.")
                else:
                    assert field is not None
                    yield f"{prefix}{name}"

        known = {key for key in keys(StyleConfig(styles=[{}])) if "output" not in key}
        assert known == EFFECTS.keys() | ELSEWHERE.keys()

    @pytest.mark.parametrize("key", EFFECTS)
    def test_changes_the_picture(self, baseline, key):
        both, second = EFFECTS[key]
        reference = baseline({**flat(SMALL), **both})
        changed = baseline({**flat(SMALL), **both, **second})
        assert not np.array_equal(changed.image, reference.image)

    def test_weights_of_a_file(self, baseline, tmp_path):
        network = load_vgg19()
        first = network.get_layer("block1_conv1")
        first.set_weights([0.5 * each for each in first.get_weights()])
        path = tmp_path / "dimmed.weights.h5"
        network.save_weights(path)
        reference = baseline(flat(SMALL))
        changed = baseline({**flat(SMALL), "extractor.weights": str(path)})
        assert not np.array_equal(changed.image, reference.image)


def flat(options):
    """Return options with {"pyramid": {"steps": [3]}} as {"pyramid.steps": [3]}."""
    pyramid = {f"pyramid.{key}": each for key, each in options["pyramid"].items()}
    return {**{k: v for k, v in options.items() if k != "pyramid"}, **pyramid}


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

    def test_another_gives_other_noise(self):
        assert not np.array_equal(noise(8, 8, 0), noise(8, 8, 1))

    def test_noise_is_uniform(self):
        image = noise(64, 64, 2**63 - 1)
        assert image.dtype == np.float32
        assert 0 <= image.min() < 0.001
        assert 0.999 < image.max() < 1
        assert image.mean() == pytest.approx(0.5, abs=0.01)


class TestInit:
    @pytest.fixture
    def start(self, tiny_vgg19, photo, painting):
        """Return the picture of step 0."""

        def first_image(init, picture=None):
            inputs = make_inputs(photo, painting, painting[::-1], start=picture)
            config = make_config({**TINY, "init": init}, styles=2)
            return next(optimize(config, inputs)).image()

        return first_image

    def test_content(self, start, photo):
        image = start("content")
        assert np.abs(image - cover(photo, 32, 48)).max() < 1e-6

    def test_noise(self, start):
        np.testing.assert_array_equal(start("noise"), noise(32, 48, 0))

    def test_style_is_the_first_one_cut_to_the_content_s_ratio(self, start, painting):
        np.testing.assert_array_equal(start("style"), cover(painting, 32, 48))

    def test_a_file_is_cut_to_the_content_s_ratio(self, start, random):
        picture = random.random((90, 20, 3), np.float32)
        np.testing.assert_array_equal(start("a path", picture), cover(picture, 32, 48))

    def test_a_file_is_read(self, photo, painting, tmp_path, tiny_vgg19):
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

    def test_the_content_is_where_content_is_zero(self, tiny_vgg19, photo, painting):
        first = next(optimize(make_config(TINY), make_inputs(photo, painting)))
        assert first.losses.content == pytest.approx(0, abs=1e-9)
        assert first.losses.style > 0.1


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "min_size", "expected"),
        [
            (64, None, [(43, 64)]),
            (48, 128, [(32, 48)]),
            (40, 16, [(11, 16), (17, 25), (27, 40)]),
        ],
    )
    def test_go_from_coarse_to_fine(
        self, tiny_vgg19, photo, painting, size, min_size, expected
    ):
        config = make_config(
            {**TINY, "size": size, "pyramid": {"min_size": min_size, "steps": [1]}}
        )
        steps = [step for step, _, _ in run(config, make_inputs(photo, painting))]
        sizes = [(step.height, step.width) for step in steps[1:]]
        assert sizes == expected

    @pytest.fixture
    def starts(self, monkeypatch):
        """The images that the optimizers of a run begin with, filled as it goes."""
        starts = []
        make = stage.make_optimizer

        def spy(options, objective, image):
            starts.append(image[0].numpy())
            return make(options, objective, image)

        monkeypatch.setattr(stage, "make_optimizer", spy)
        return starts

    def test_a_finer_one_begins_with_what_the_coarser_one_found(
        self, tiny_vgg19, photo, painting, starts
    ):
        config = make_config({**TWO_SCALES, "init": "noise"})
        steps = run(config, make_inputs(photo, painting))
        coarse = steps[3][1]
        np.testing.assert_array_equal(starts[1], resize(coarse, 22, 32))

    def test_a_finer_one_adds_the_details_of_its_start(
        self, tiny_vgg19, photo, painting, starts
    ):
        """What the coarser one changed is enlarged, and added to the finer start."""
        steps = run(make_config(TWO_SCALES), make_inputs(photo, painting))
        coarse = steps[3][1]
        start = resize(photo, 22, 32)
        changed = resize(coarse, 22, 32) - resize(resize(start, 11, 16), 22, 32)
        expected = np.clip(start + changed, 0, 1)
        np.testing.assert_allclose(starts[1], expected, atol=1e-6)
        assert np.abs(starts[1] - resize(coarse, 22, 32)).max() > 0.01

    def test_a_style_keeps_its_ratio(self, tiny_vgg19, photo, painting, monkeypatch):
        seen = []
        measure_targets = stage.measure_targets

        def spy(network, options, content, styles):
            styles = list(styles)
            seen.append([tuple(image.shape[1:3]) for image, _ in styles])
            return measure_targets(network, options, content, styles)

        monkeypatch.setattr(stage, "measure_targets", spy)
        tall = painting.swapaxes(0, 1)
        config = make_config(
            TWO_SCALES, {"styles": [{}, {"scale": 1.5}, {"scale": 0.5}]}
        )
        run(config, make_inputs(photo, painting, tall, tall))
        assert seen == [
            [fit_size(51, 64, 16), fit_size(64, 51, 24), fit_size(64, 51, 8)],
            [fit_size(51, 64, 32), fit_size(64, 51, 48), fit_size(64, 51, 16)],
        ]

    def test_targets_are_measured_once_for_each(
        self, tiny_vgg19, photo, painting, monkeypatch
    ):
        resized = []

        def spy(image, height, width):
            resized.append((image.shape, height, width))
            return resize(image, height, width)

        monkeypatch.setattr(stage, "resize", spy)
        run(make_config(TWO_SCALES), make_inputs(photo, painting))
        from_the_painting = [each[1:] for each in resized if each[0] == painting.shape]
        assert from_the_painting == [fit_size(51, 64, 16), fit_size(51, 64, 32)]


class TestStyles:
    def test_equal_shares_of_one_are_that_one(self, tiny_vgg19, photo, painting):
        once = stylize(photo, painting, **TINY)
        twice = stylize(photo, [painting, painting], **TINY)
        np.testing.assert_allclose(twice.image, once.image, atol=1e-4)

    def test_only_the_ratio_of_their_weights_counts(self, tiny_vgg19, photo, painting):
        def mixed(*weights):
            styles = [{"weight": weight} for weight in weights]
            return stylize(photo, [painting, photo], **TINY, styles=styles).image

        np.testing.assert_allclose(mixed(1, 3), mixed(10, 30), atol=1e-4)
        assert not np.allclose(mixed(1, 3), mixed(3, 1), atol=1e-4)

    def test_a_heavy_one_outweighs_a_light_one(self, tiny_vgg19, photo, painting):
        styles = [{"weight": 1e6}, {"weight": 1e-6}]
        heavy = stylize(photo, [painting, photo], **TINY, styles=styles)
        alone = stylize(photo, painting, **TINY)
        np.testing.assert_allclose(heavy.image, alone.image, atol=1e-4)


class TestResume:
    # 0 is the start, 3 the last step of the first size, 7 the last of all.
    @pytest.mark.parametrize("cut", [0, 2, 3, 4, 7])
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_goes_on_bit_for_bit(self, tiny_vgg19, whole, optimizer, cut):
        config, inputs, expected = whole[optimizer]
        resumed = run(config, inputs, expected[cut][2])
        assert [step.step for step, _, _ in resumed] == list(range(cut, 8))
        for (ours, our_image, _), (theirs, their_image, _) in zip(
            resumed, expected[cut:], strict=True
        ):
            assert our_image.tobytes() == their_image.tobytes()
            assert ours.losses == theirs.losses
            assert ours.progress == theirs.progress
            assert (ours.scale, ours.last) == (theirs.scale, theirs.last)

    def test_counts_the_seconds_on(self, tiny_vgg19, whole):
        config, inputs, steps = whole["adam"]
        checkpoint = dataclasses.replace(steps[6][2], seconds=1000.0)
        assert run(config, inputs, checkpoint)[-1][0].seconds > 1000

    def test_with_the_real_network(self, photo, painting):
        inputs = make_inputs(photo, painting)
        config = make_config({**SMALL, "pyramid.steps": [4]})
        expected = run(config, inputs)
        resumed = run(config, inputs, expected[2][2])
        assert resumed[-1][1].tobytes() == expected[-1][1].tobytes()
        assert resumed[-1][0].losses == expected[-1][0].losses

    def test_in_float16(self, photo, painting):
        inputs = make_inputs(photo, painting)
        config = make_config(
            {
                **SMALL,
                "size": 32,
                "pyramid.steps": [10],
                "init": "noise",
                "precision": "float16",
                "objective": {"formulation": "paper", "style_weight": 1000},
                "objective.content_layers": {"block2_conv1": 1},
                "objective.style_layers": {"block1_conv1": 1},
            }
        )
        expected = run(config, inputs)
        resumed = run(config, inputs, expected[-3][2])
        assert resumed[-1][1].tobytes() == expected[-1][1].tobytes()


class TestPrecision:
    def test_auto_is_what_this_device_is_fastest_in(
        self, tiny_vgg19, photo, painting, monkeypatch
    ):
        for precision in ("float32", "bfloat16"):
            monkeypatch.setattr(
                setting.device, "fastest_precision", lambda answer=precision: answer
            )
            config = make_config({**TINY, "precision": "auto"})
            first = next(optimize(config, make_inputs(photo, painting)))
            assert first.precision == precision
            assert first.checkpoint().precision == precision

    def test_a_resumed_run_keeps_its_own(
        self, tiny_vgg19, photo, painting, monkeypatch
    ):
        config = make_config({**TINY, "precision": "auto"})
        inputs = make_inputs(photo, painting)
        answers = iter(["bfloat16", "float32"])
        monkeypatch.setattr(setting.device, "fastest_precision", lambda: next(answers))
        checkpoint = next(optimize(config, inputs)).checkpoint()
        assert next(optimize(config, inputs, checkpoint)).precision == "bfloat16"

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_half_of_the_bits_find_nearly_the_same(self, baseline, precision):
        exact = baseline(flat(SMALL))
        rough = baseline({**flat(SMALL), "precision": precision})
        assert rough.losses.total == pytest.approx(exact.losses.total, rel=0.05)
        assert np.abs(rough.image - exact.image).mean() < 0.02


class TestAutomaticPrecision:
    CONVERGES = {  # noqa: RUF012
        "size": 16,
        "init": "noise",
        "pyramid": {"min_size": None, "steps": [300]},
        "objective.style_weight": 0,
        "objective.tv_weight": 0,
        "objective.content_layers": {"block1_conv1": 1},
    }

    def test_goes_on_in_float32_where_bfloat16_finds_no_better_step(
        self, photo, monkeypatch
    ):
        monkeypatch.setattr(setting.device, "fastest_precision", lambda: "bfloat16")
        config = make_config(self.CONVERGES, styles=0)
        steps = list(optimize(config, make_inputs(photo)))
        precisions = [step.precision for step in steps]
        switch = precisions.index("float32")
        assert set(precisions[:switch]) == {"bfloat16"}
        assert set(precisions[switch:]) == {"float32"}
        assert [step.step for step in steps] == list(range(len(steps)))
        assert [step.last for step in steps].index(True) == len(steps) - 1

    def test_ends_where_float32_does_not_fit(self, photo, monkeypatch):
        def plan(self, scale):
            if self.precision == "float32":
                raise ValueError("too much")
            return Plan(None, self.config.optimizer, True, 1.0)

        monkeypatch.setattr(setting.device, "fastest_precision", lambda: "bfloat16")
        monkeypatch.setattr(Setting, "plan", plan)
        config = make_config(self.CONVERGES, styles=0)
        *_, last = optimize(config, make_inputs(photo))
        assert last.converged
        assert last.last
        assert last.precision == "bfloat16"

    def test_warns_where_memory_leaves_room_for_less_than_asked(
        self, photo, painting, monkeypatch
    ):
        adam = StyleConfig().optimizer.model_copy(update={"name": "adam"})
        plan = Plan(None, adam, True, 1.0)
        monkeypatch.setattr(Setting, "plan", lambda *_: plan)
        config = make_config({"size": 64}, styles=1)
        with pytest.warns(RuntimeWarning, match="leave room only for adam"):
            next(optimize(config, make_inputs(photo, painting)))
