"""How styles are measured: turned, and for color or strokes alone."""

import numpy as np
import pytest
from small_runs import TINY, make_config, make_inputs, run

from tfstyle.engine.context import Context
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.kept import Kept
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale
from tfstyle.images import turned

COLOR, STROKES = {"block1_conv1": 1.0}, {"block2_conv1": 1.0}
PLAIN = {"color_strength": 0, "objective.tv_weight": 0}


@pytest.fixture
def result(tiny_vgg19, photo):
    """Return the picture of a run with some styles."""

    def result_of(styles, options, *overrides):
        config = make_config(TINY, PLAIN, *overrides, styles=len(styles))
        config = config.with_overrides({"styles": options})
        (*_, (_, image, _)) = run(config, make_inputs(photo, *styles), Kept())
        return image

    return result_of


class TestDirection:
    @pytest.mark.parametrize("direction", [90, 180, 270, "mirror", "flip"])
    def test_is_that_of_a_turned_picture(self, result, painting, direction):
        turn = np.ascontiguousarray(turned(painting, direction))
        found = result([painting], [{}], {"direction": direction})
        np.testing.assert_allclose(found, result([turn], [{}]), atol=2e-5)
        assert np.abs(found - result([painting], [{}])).max() > 1e-3

    def test_of_all_is_the_mean_of_four(self, result, painting):
        turns = [turned(painting, each) for each in (0, 90, 180, 270)]
        turns = [np.ascontiguousarray(each) for each in turns]
        found = result([painting], [{}], {"direction": "all"})
        np.testing.assert_allclose(found, result(turns, [{}] * 4), atol=2e-5)

    def test_turns_the_mask_of_what_is_taken(self, painting, photo):
        mask = np.zeros((*painting.shape[:2], 1), np.float32)
        mask[:, :10] = 1
        config = make_config(TINY, {"direction": 90})
        inputs = Inputs(photo, [painting], source_masks=[mask])
        scaled = ScaledInputs(config, inputs, Scale(48, 1))
        plain = scaled.source_mask(0)
        np.testing.assert_array_equal(scaled.source_mask(0, 90), np.rot90(plain))
        assert scaled.style(0, 90).shape[:2] == scaled.source_mask(0, 90).shape

    @pytest.mark.parametrize(
        ("direction", "corner"), [(90, "b"), (180, "d"), (270, "c"), ("flip", "c")]
    )
    def test_goes_counterclockwise(self, direction, corner):
        letters = np.array([["a", "b"], ["c", "d"]])
        assert turned(letters, direction)[0, 0] == corner


class TestColorAndStrokes:
    def test_color_comes_from_the_first_block(self, result, photo, painting):
        others = {"objective.style_layers": COLOR}
        styles = [painting, np.ascontiguousarray(photo[::-1])]
        found = result(styles, [{"strokes": 0}, {"color": 0}], others)
        np.testing.assert_array_equal(found, result(styles[:1], [{}], others))

    def test_strokes_come_from_the_others(self, result, photo, painting):
        others = {"objective.style_layers": STROKES}
        styles = [painting, np.ascontiguousarray(photo[::-1])]
        found = result(styles, [{"strokes": 0}, {"color": 0}], others)
        np.testing.assert_array_equal(found, result(styles[1:], [{}], others))

    def test_parts_are_factors_of_the_weight(self, result, photo, painting):
        both = {"objective.style_layers": COLOR}
        styles = [painting, np.ascontiguousarray(photo[::-1])]
        one = result(styles, [{"color": 0.5}, {"weight": 3}], both)
        other = result(styles, [{}, {"weight": 6}], both)
        np.testing.assert_allclose(one, other, atol=1e-6)

    def test_a_style_left_out_of_all_is_as_if_it_were_not_there(
        self, result, photo, painting
    ):
        styles = [painting, np.ascontiguousarray(photo[::-1])]
        found = result(styles, [{}, {"color": 0, "strokes": 0}])
        np.testing.assert_array_equal(found, result(styles[:1], [{}]))

    def test_a_region_may_have_color_alone(self, tiny_vgg19, photo, painting):
        mask = np.zeros((*photo.shape[:2], 1), np.float32)
        mask[:, :30] = 1
        config = make_config(TINY, PLAIN, styles=2).with_overrides(
            {"styles": [{"mask": "a.png", "strokes": 0}, {}]}
        )
        inputs = Inputs(photo, [painting, painting[::-1]], style_masks=[mask, None])
        (*_, (step, _, _)) = run(config, inputs, Kept())
        assert np.isfinite(step.losses["total"])
        context = Context(config, inputs, "float32")
        scale = context.scales[0]
        found = Kept().objective(context, scale, context.plan(scale)).style_terms
        assert [(term.layer, term.region) for term in found] == [
            ("block1_conv1", 0),
            ("block1_conv1", 1),
            ("block2_conv1", 1),
        ]
