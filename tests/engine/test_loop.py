"""tfstyle.engine.loop: sizes, steps and their losses, and how a run goes on."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_runs import SMALL, TINY, TWO_SCALES, make_config, make_inputs, run

from tfstyle.engine import scaled as pictures
from tfstyle.engine import stage
from tfstyle.engine.context import Context
from tfstyle.images import fit_size, resize

NAMES = ["total", "content", "style", "variation"]


@pytest.fixture(scope="module")
def whole(tiny_kept, photo, painting):
    """The uninterrupted run of each optimizer, with its config and inputs."""
    inputs = make_inputs(photo, painting)
    configs = {
        name: make_config(TWO_SCALES, {"optimizer.name": name})
        for name in ("lbfgs", "adam")
    }
    return {
        name: (config, inputs, run(config, inputs, tiny_kept))
        for name, config in configs.items()
    }


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

    def test_progress_is_the_fraction_of_the_work(self, steps):
        progress = [step.progress for step in steps]
        small, large = 3 * 16**2, 4 * 32**2
        assert progress[0] == 0
        assert progress[3] == pytest.approx(small / (small + large))
        assert progress[-1] == pytest.approx(1)
        assert progress == sorted(progress)

    def test_seconds_pass(self, steps):
        seconds = [step.seconds for step in steps]
        assert seconds == sorted(seconds)

    def test_only_the_last_is_the_last(self, steps):
        assert [step.last for step in steps] == [False] * 7 + [True]

    def test_are_records(self, steps):
        with pytest.raises(dataclasses.FrozenInstanceError):
            steps[0].step = 9

    def test_losses_are_floats_by_name(self, steps):
        for step in steps:
            assert list(step.losses) == NAMES
            assert {type(value) for value in step.losses.values()} == {float}

    def test_many_scales_draw_no_warning(self, tiny_vgg19, photo, painting, caplog):
        from tfstyle.api import transfer

        pyramid = {"min_size": 17, "steps": [1]}
        config = make_config({**TINY, "size": 544, "pyramid": pyramid})
        *_, last = transfer(config, make_inputs(photo, painting))
        assert last.scales == 6
        assert caplog.messages == []

    def test_a_run_that_cannot_improve_ends(self, tiny_kept, photo, painting):
        config = make_config(
            {**TINY, "objective.style_weight": 0, "objective.tv_weight": 0}
        )
        *_, (step, _, _) = run(config, make_inputs(photo, painting), tiny_kept)
        assert step.converged
        assert step.last
        assert step.step < 3


class TestLosses:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_are_those_of_the_picture_of_the_step(
        self, real_kept, photo, painting, optimizer
    ):
        config = make_config(SMALL, {"optimizer.name": optimizer})
        inputs = make_inputs(photo, painting)
        context = Context(config, inputs, "float32")
        (scale,) = context.scales
        objective = real_kept.objective(context, scale, context.plan(scale))
        for step, image, _ in run(config, inputs, real_kept)[-2:]:
            measured = objective.losses(tf.constant(image[None]))
            assert step.losses == pytest.approx(measured, rel=1e-4)

    def test_total_is_the_weighted_sum(self, real_kept, photo, painting):
        weights = {"content_weight": 3, "style_weight": 5, "tv_weight": 7}
        config = make_config(SMALL, {"objective": weights})
        *_, (step, _, _) = run(config, make_inputs(photo, painting), real_kept)
        total, content, style, variation = step.losses.values()
        expected = 3 * content + 5 * style + 7 * variation
        assert total == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("precision", ["float32", "float16"])
    def test_that_are_not_finite_at_the_start_are_refused(
        self, tiny_kept, photo, painting, precision
    ):
        objective = {"style_weight": 1e38, "style_layers": {"block1_conv1": 1e38}}
        config = make_config(TINY, {"precision": precision, "objective": objective})
        with pytest.raises(ValueError, match=r"inf at the start .*lower the"):
            run(config, make_inputs(photo, painting), tiny_kept)


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
        self, tiny_kept, photo, painting, size, min_size, expected
    ):
        config = make_config(
            {**TINY, "size": size, "pyramid": {"min_size": min_size, "steps": [1]}}
        )
        steps = run(config, make_inputs(photo, painting), tiny_kept)
        sizes = [(step.height, step.width) for step, _, _ in steps[1:]]
        assert sizes == expected

    @pytest.fixture
    def starts(self, monkeypatch):
        """The images that the optimizers of a run begin with, filled as it goes."""
        starts = []
        make = stage.make_optimizer

        def spy(options, value_and_gradient, image):
            starts.append(image[0].numpy())
            return make(options, value_and_gradient, image)

        monkeypatch.setattr(stage, "make_optimizer", spy)
        return starts

    def test_a_finer_one_begins_with_what_the_coarser_one_found(
        self, tiny_kept, photo, painting, starts
    ):
        config = make_config({**TWO_SCALES, "init": "noise"})
        steps = run(config, make_inputs(photo, painting), tiny_kept)
        coarse = steps[3][1]
        np.testing.assert_array_equal(starts[1], resize(coarse, 22, 32))

    def test_a_finer_one_adds_the_details_of_its_start(
        self, tiny_kept, photo, painting, starts
    ):
        """What the coarser one changed is enlarged, and added to the finer start."""
        options = {**TWO_SCALES, "color_strength": 0, "pyramid.details": 1}
        steps = run(make_config(options), make_inputs(photo, painting), tiny_kept)
        coarse = steps[3][1]
        start = resize(photo, 22, 32)
        changed = resize(coarse, 22, 32) - resize(resize(start, 11, 16), 22, 32)
        expected = np.clip(start + changed, 0, 1)
        np.testing.assert_allclose(starts[1], expected, atol=1e-6)
        assert np.abs(starts[1] - resize(coarse, 22, 32)).max() > 0.01

    @pytest.fixture
    def resized(self, monkeypatch):
        """What a run resizes, filled as it goes: from which shape, to which size."""
        resized = []

        def spy(image, height, width):
            resized.append((image.shape[:2], (height, width)))
            return resize(image, height, width)

        monkeypatch.setattr(pictures, "resize", spy)
        return resized

    def test_a_style_keeps_its_ratio_and_is_resized_once_for_each(
        self, tiny_network, photo, painting, resized
    ):
        from tiny import TinyKept

        tall = painting.swapaxes(0, 1)
        config = make_config(
            TWO_SCALES, {"styles": [{}, {"scale": 1.5}, {"scale": 0.5}]}
        )
        inputs = make_inputs(photo, painting, tall, tall)
        run(config, inputs, TinyKept(tiny_network))
        styles = [each for each in resized if each[0] != photo.shape[:2]]
        assert styles == [
            ((51, 64), fit_size(51, 64, 16)),
            ((64, 51), fit_size(64, 51, 24)),
            ((64, 51), fit_size(64, 51, 8)),
            ((51, 64), fit_size(51, 64, 32)),
            ((64, 51), fit_size(64, 51, 48)),
            ((64, 51), fit_size(64, 51, 16)),
        ]


class TestResume:
    # 0 is the start, 3 the last step of the first size, 7 the last of all.
    @pytest.mark.parametrize("cut", [0, 2, 3, 4, 7])
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_goes_on_bit_for_bit(self, tiny_kept, whole, optimizer, cut):
        config, inputs, expected = whole[optimizer]
        resumed = run(config, inputs, tiny_kept, expected[cut][2])
        assert [step.step for step, _, _ in resumed] == list(range(cut, 8))
        for (ours, our_image, _), (theirs, their_image, _) in zip(
            resumed, expected[cut:], strict=True
        ):
            assert our_image.tobytes() == their_image.tobytes()
            assert ours.losses == theirs.losses
            assert ours.progress == theirs.progress
            assert (ours.scale, ours.last) == (theirs.scale, theirs.last)

    def test_counts_the_seconds_on(self, tiny_kept, whole):
        config, inputs, steps = whole["adam"]
        state = dataclasses.replace(steps[6][2], seconds=1000.0)
        assert run(config, inputs, tiny_kept, state)[-1][0].seconds > 1000

    def test_with_the_real_network(self, real_kept, photo, painting):
        inputs = make_inputs(photo, painting)
        config = make_config({**SMALL, "pyramid.steps": [4]})
        expected = run(config, inputs, real_kept)
        resumed = run(config, inputs, real_kept, expected[2][2])
        assert resumed[-1][1].tobytes() == expected[-1][1].tobytes()
        assert resumed[-1][0].losses == expected[-1][0].losses

    def test_in_float16(self, real_kept, photo, painting):
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
        expected = run(config, inputs, real_kept)
        state = expected[-3][2]
        assert state.loss_scale != 1
        resumed = run(config, inputs, real_kept, state)
        assert resumed[-1][1].tobytes() == expected[-1][1].tobytes()


class TestStyles:
    @pytest.fixture
    def stylized(self, tiny_kept, photo):
        """Return the picture that a run over these styles ends with."""

        def last_image(*styles, weights=()):
            options = [{"weight": weight} for weight in weights] or [{} for _ in styles]
            config = make_config(TINY, {"styles": options})
            return run(config, make_inputs(photo, *styles), tiny_kept)[-1][1]

        return last_image

    def test_equal_parts_of_one_are_that_one(self, stylized, painting):
        twice = stylized(painting, painting)
        np.testing.assert_allclose(twice, stylized(painting), atol=1e-4)

    def test_only_the_ratio_of_their_weights_counts(self, stylized, photo, painting):
        def mixed(*weights):
            return stylized(painting, photo, weights=weights)

        np.testing.assert_allclose(mixed(1, 3), mixed(10, 30), atol=1e-4)
        assert not np.allclose(mixed(1, 3), mixed(3, 1), atol=1e-4)

    def test_a_heavy_one_outweighs_a_light_one(self, stylized, photo, painting):
        heavy = stylized(painting, photo, weights=(1e6, 1e-6))
        np.testing.assert_allclose(heavy, stylized(painting), atol=1e-4)
