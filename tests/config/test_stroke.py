"""tfstyle.config.stroke: what the size of strokes stands for."""

import pytest

from tfstyle.config import StyleConfig, with_stroke
from tfstyle.config.objective import largest, weight_at

CONFIG = StyleConfig(styles=[{"scale": 0.5}, {"scale": 2}])


def of(stroke):
    return with_stroke(CONFIG.with_overrides({"stroke": stroke}))


def test_one_changes_nothing():
    assert of(1) is not None
    assert of(1) == CONFIG


@pytest.mark.parametrize("stroke", [0.5, 2, 4])
def test_every_style_is_so_much_larger(stroke):
    assert [style.scale for style in of(stroke).styles] == [0.5 * stroke, 2 * stroke]


@pytest.mark.parametrize("stroke", [0.5, 3])
def test_weights_move_between_blocks_and_keep_their_sum(stroke):
    before, after = (each.objective.style_layers for each in (CONFIG, of(stroke)))
    assert list(before) == list(after)
    for index in (0, 1):
        sums = [sum(weight_at(w, index) for w in x.values()) for x in (before, after)]
        assert sums[1] == pytest.approx(sums[0])
    ratios = {name: largest(after[name]) / largest(before[name]) for name in before}
    assert ratios["block3_conv1"] == pytest.approx(ratios["block3_conv3"])
    assert (ratios["block1_conv1"] > ratios["block4_conv1"]) == (stroke > 1)
    assert after["block4_conv1"][0] == 0  # as at the coarsest size before


def test_what_it_stands_for_has_no_stroke_left():
    assert with_stroke(of(2)) is not None
    assert with_stroke(of(2)) == of(2)


def test_without_style_layers_only_the_scale_changes():
    bare = CONFIG.with_overrides({"stroke": 2, "objective.style_layers": {}})
    assert with_stroke(bare).objective.style_layers == {}
