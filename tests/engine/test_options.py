"""Every option of a config changes the picture, in runs with the real VGG19."""

import numpy as np
import pytest
from small_runs import SMALL, make_config, make_inputs, run

from tfstyle.config import StyleConfig
from tfstyle.vgg.extractor import load_vgg19

# What is compared: options of both runs, and those of the second. A baseline that does
# not use the option, as Adam's without Adam, would hide one that does nothing.
ADAM = {"optimizer.name": "adam"}
LAYERS = {"block2_conv1": 1}
EFFECTS = {
    "styles.weight": ({}, {"styles": [{"weight": 1}, {"weight": 3}]}),
    "styles.color": ({}, {"styles": [{"color": 0.2}, {"strokes": 0.5}]}),
    "styles.strokes": ({}, {"styles": [{"strokes": 0.5}, {}]}),
    "stroke": ({}, {"stroke": 1.5}),
    "direction": ({}, {"direction": 90}),
    "styles.scale": ({}, {"styles": [{"scale": 1.5}, {"scale": 1.5}]}),
    "size": ({}, {"size": 40}),
    "init": ({}, {"init": "noise"}),
    "seed": ({"init": "noise"}, {"seed": 1}),
    "color": ({}, {"color": "content_luminance"}),
    "color_strength": ({}, {"color_strength": 0.5}),
    "photorealism": ({}, {"photorealism": 0.5}),
    "extractor.pooling": ({}, {"extractor.pooling": "avg"}),
    "extractor.normalized": ({}, {"extractor.normalized": True}),
    "extractor.padding": ({}, {"extractor.padding": "zeros"}),
    "objective.formulation": ({}, {"objective.formulation": "mean"}),
    "objective.content_weight": ({}, {"objective.content_weight": 2}),
    "objective.content_layers": ({}, {"objective.content_layers": {"block3_conv1": 1}}),
    "objective.content_loss": ({}, {"objective.content_loss": "self_similarity"}),
    "objective.style_weight": ({}, {"objective.style_weight": 40}),
    "objective.style_layers": ({}, {"objective.style_layers.block3_conv1": 0}),
    "objective.style_loss": ({}, {"objective.style_loss": "moments"}),
    "objective.further": (
        {},
        {"objective.further": [{"loss": "moments", "weight": 9, "layers": LAYERS}]},
    ),
    "objective.samples": (
        {"objective.style_loss": "nearest"},
        {"objective.samples": 64},
    ),
    "objective.tv_weight": ({}, {"objective.tv_weight": 9}),
    "objective.tv_reduction": ({}, {"objective.tv_reduction": "sum"}),
    "optimizer.name": ({}, ADAM),
    "optimizer.history": ({}, {"optimizer.history": 1}),
    "optimizer.history_precision": ({}, {"optimizer.history_precision": "bfloat16"}),
    "optimizer.tolerance": ({"pyramid.steps": [11]}, {"optimizer.tolerance": 0.999}),
    "optimizer.learning_rate": (ADAM, {"optimizer.learning_rate": 0.05}),
    "optimizer.beta_1": (ADAM, {"optimizer.beta_1": 0.5}),
    "optimizer.beta_2": (ADAM, {"optimizer.beta_2": 0.5}),
    "optimizer.epsilon": (ADAM, {"optimizer.epsilon": 0.1}),
    "pyramid.min_size": ({}, {"pyramid.min_size": 32}),
    "pyramid.steps": ({}, {"pyramid.steps": [2]}),
    "pyramid.details": ({"pyramid.min_size": 32}, {"pyramid.details": 1.0}),
    "precision": ({}, {"precision": "bfloat16"}),
}
ELSEWHERE = {
    "content.path": "tests/runs/test_inputs.py",
    "styles.path": "tests/runs/test_inputs.py",
    "palette": "tests/engine/test_coloring.py",
    "keep.mask": "tests/engine/test_parametrization.py",
    "styles.mask": "tests/engine/test_regions.py",
    "styles.style_mask": "tests/engine/test_regions.py",
    "extractor.weights": "test_weights_of_a_file",
    "memory.limit_gib": "tests/engine/test_plan.py",
    "memory.tile": "tests/engine/test_plan.py",
    "memory.max_megapixels": "tests/runs/test_inputs.py",
    "video.steps": "tests/clips/test_painting.py",
    "video.temporal_weight": "tests/clips/test_painting.py",
}


@pytest.fixture(scope="module")
def done(real_kept, photo, painting):
    """Run once for each set of options; return the last step and its picture."""
    results = {}

    def run_once(*overrides):
        key = repr(overrides)
        if key not in results:
            config = make_config(SMALL, *overrides, styles=2)
            inputs = make_inputs(photo, painting, painting[::-1] ** 2)
            results[key] = run(config, inputs, real_kept)[-1][:2]
            real_kept.trim()
        return results[key]

    return run_once


def options(section, prefix=""):
    """Yield the dotted keys of all options."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        inner = value[0] if name == "styles" else value
        if hasattr(type(inner), "model_fields"):
            yield from options(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_option_is_here():
    found = options(StyleConfig(styles=[{}]))
    known = {key for key in found if not key.startswith("output.")}
    assert known == EFFECTS.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("key", EFFECTS)
def test_every_option_changes_the_picture(done, key):
    both, second = EFFECTS[key]
    _, reference = done(both)
    _, changed = done(both, second)
    assert not np.array_equal(changed, reference)


def test_weights_of_a_file(done, tmp_path):
    network = load_vgg19()
    first = network.get_layer("block1_conv1")
    first.set_weights([0.5 * each for each in first.get_weights()])
    path = tmp_path / "dimmed.weights.h5"
    network.save_weights(path)
    _, reference = done({})
    _, changed = done({}, {"extractor.weights": str(path)})
    assert not np.array_equal(changed, reference)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_of_the_bits_find_nearly_the_same(done, precision):
    exact, image = done({})
    rough, other = done({}, {"precision": precision})
    assert rough.losses["total"] == pytest.approx(exact.losses["total"], rel=0.05)
    assert np.abs(other - image).mean() < 0.02


class TestSeed:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_the_same_gives_the_same_bytes(self, real_kept, photo, painting, optimizer):
        noise = {"init": "noise", "seed": 5, "optimizer.name": optimizer}
        config, inputs = make_config(SMALL, noise), make_inputs(photo, painting)
        first, second = (run(config, inputs, real_kept)[-1] for _ in range(2))
        assert first[1].tobytes() == second[1].tobytes()
        assert first[0].losses == second[0].losses


class TestWeightsBySize:
    """A list of weights has one for each size; layers count only where theirs does."""

    def test_a_size_with_nothing_to_minimize_is_refused(self, photo, painting):
        from tfstyle.config import StyleConfig
        from tfstyle.engine.checks import check_inputs
        from tfstyle.engine.inputs import Inputs

        config = StyleConfig().with_overrides(
            {
                "styles": [{}],
                "size": 64,
                "pyramid.min_size": 32,
                "objective": {
                    "content_weight": 0,
                    "style_weight": [0, 1],
                    "style_layers": {"block1_conv1": 1},
                    "tv_weight": 0,
                },
            }
        )
        with pytest.raises(ValueError, match="all weights are zero at 32 px"):
            check_inputs(config, Inputs(photo, [painting]))

    def test_a_deep_layer_may_wait_for_a_size_that_is_large_enough(
        self, photo, painting
    ):
        from tfstyle.config import StyleConfig
        from tfstyle.engine.checks import check_inputs
        from tfstyle.engine.inputs import Inputs

        def check(weight):
            layers = {"block1_conv1": 1, "block5_conv1": weight}
            config = StyleConfig().with_overrides(
                {
                    "styles": [{}],
                    "size": 64,
                    "pyramid.min_size": 16,
                    "objective": {"style_layers": layers, "content_weight": 0},
                }
            )
            check_inputs(config, Inputs(photo, [painting]))

        check([0, 0, 1])
        with pytest.raises(ValueError, match="block5_conv1 needs at least 16 x 16"):
            check(1)
