"""tfstyle.engine.inputs: pictures are checked before anything expensive begins."""

import numpy as np
import pytest
from input_pictures import ONE_LINE, make_config, noise

from tfstyle.engine.checks import check_inputs
from tfstyle.engine.inputs import Inputs, size_at
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale
from tfstyle.images import fit_size, resize


def complaint(config, inputs):
    """Return the one line with which inputs are refused."""
    with pytest.raises(ValueError, match=ONE_LINE) as error:
        check_inputs(config, inputs)
    return str(error.value)


class TestStyles:
    @pytest.mark.parametrize("count", [0, 2])
    def test_each_has_its_options(self, count):
        inputs = Inputs(noise(40, 40), [noise(40, 40)] * count)
        line = complaint(make_config(), inputs)
        assert f"styles has 1 entries for {count} style pictures" in line
        assert "give one for each" in line

    def test_one_is_needed(self):
        line = complaint(make_config(styles=[]), Inputs(noise(40, 40), []))
        assert "no style picture; give --style PATH or set styles" in line
        assert "objective.style_weight=0" in line

    def test_none_is_needed_where_style_has_no_weight(self):
        config = make_config(**{"styles": [], "objective.style_weight": 0})
        check_inputs(config, Inputs(noise(40, 40), []))

    def test_one_is_needed_to_start_from_it(self):
        options = {"styles": [], "objective.style_weight": 0, "init": "style"}
        inputs = Inputs(noise(40, 40), [])
        assert "--style PATH" in complaint(make_config(**options), inputs)


class TestColors:
    @pytest.mark.parametrize("key", ["palette", "keep.mask"])
    def test_a_picture_that_did_not_come(self, key):
        line = complaint(
            make_config(**{key: "a.png"}), Inputs(noise(9, 9), [noise(9, 9)])
        )
        assert line == f"{key} is 'a.png', but its picture did not come with it"

    def test_a_mask_that_keeps_everything(self):
        config = make_config(**{"keep.mask": "a.png"})
        mask = np.ones((30, 40, 1), np.float32)
        inputs = Inputs(noise(40, 40), [noise(64, 64)], mask=mask)
        line = complaint(config, inputs)
        assert "mask a.png is white all over" in line
        assert "make it black where" in line
        mask[3, 4] = 0
        check_inputs(config, inputs)


class TestCheckSizes:
    def test_accepts_the_least_that_the_deepest_layer_needs(self):
        config = make_config(size=16)
        check_inputs(config, Inputs(noise(8, 16), [noise(16, 8)]))

    @pytest.mark.parametrize(
        ("inputs", "expected"),
        [
            (
                Inputs(noise(5, 5), [noise(40, 40)]),
                "the content picture has 5 x 5 pixels, but block4_conv1 needs at "
                "least 8 x 8; use a larger picture",
            ),
            (
                Inputs(noise(40, 40), [noise(7, 90)]),
                "the style picture has 90 x 7 pixels, but block4_conv1 needs",
            ),
        ],
    )
    def test_refuses_small_pictures(self, inputs, expected):
        assert expected in complaint(make_config(), inputs)

    def test_refuses_extreme_ratios_at_the_coarsest_size(self):
        config = make_config(**{"size": 512, "pyramid.min_size": 64})
        strip = Inputs(noise(40, 400), [noise(512, 512)])
        line = complaint(config, strip)
        assert "64 x 6 pixels at the coarsest size" in line
        assert "raise pyramid.min_size" in line
        larger = config.with_overrides({"pyramid.min_size": 80})
        check_inputs(larger, strip)

    def test_refuses_styles_that_their_scale_makes_too_small(self):
        config = make_config(styles=[{"path": "dots.png", "scale": 0.1}])
        line = complaint(config, Inputs(noise(40, 40), [noise(40, 40)]))
        assert "the style picture dots.png is 6 x 6 pixels" in line

    def test_only_layers_with_a_weight_count(self):
        config = make_config(**{"objective.content_weight": 0})
        check_inputs(config, Inputs(noise(5, 5), [noise(7, 63)]))

    def test_warns_of_a_style_that_is_enlarged(self):
        config = make_config(styles=[{"path": "dots.png", "scale": 1.5}], stroke=2)
        pictures = noise(40, 64), noise(50, 100)
        with pytest.warns(RuntimeWarning) as told:
            check_inputs(config, Inputs(pictures[0], [pictures[1]]))
        (warning,) = map(str, (each.message for each in told))
        assert "dots.png is enlarged from 100 to 192 pixels" in warning
        assert "use a larger file, or lower its scale, stroke or size" in warning
        check_inputs(config, Inputs(pictures[0], [noise(80, 160)]))  # by a fifth

    def test_without_layers_any_size_will_do(self):
        config = make_config(
            **{"objective.content_weight": 0, "objective.style_weight": 0}
        )
        check_inputs(config, Inputs(noise(1, 1), [noise(1, 1)]))


class TestChecksums:
    def test_name_each_picture(self):
        styles = [noise(6, 6), noise(7, 6)]
        found = Inputs(noise(5, 6), styles, noise(8, 6)).checksums
        assert list(found) == ["content", "init", "styles.0", "styles.1"]
        assert len(set(found.values())) == 4
        mask = noise(4, 6)[..., :1]
        found = Inputs(noise(5, 6), styles, None, noise(3, 3), mask).checksums
        assert list(found)[1:3] == ["palette", "keep.mask"]
        found = Inputs(noise(5, 6), styles).checksums
        assert list(found) == ["content", "styles.0", "styles.1"]

    def test_one_pixel_makes_another(self):
        before, after = noise(5, 6), noise(5, 6)
        after[4, 5, 2] += 1e-4
        assert Inputs(before, []).checksums == Inputs(before.copy(), []).checksums
        assert Inputs(before, []).checksums != Inputs(after, []).checksums

    def test_the_order_in_memory_is_no_part_of_it(self):
        picture = noise(5, 6)
        turned = np.asfortranarray(picture)
        assert Inputs(picture, []).checksums == Inputs(turned, []).checksums


class TestSizeAt:
    @pytest.mark.parametrize(
        ("shape", "factor", "expected"),
        [
            ((30, 40), 1.0, (48, 64)),
            ((40, 30), 1.5, (96, 72)),
            ((9, 900), 0.5, (1, 32)),
        ],
    )
    def test_scales_the_long_side(self, shape, factor, expected):
        assert size_at(Scale(64, 1), noise(*shape), factor) == expected


class TestScaledInputs:
    def test_content_and_styles_keep_their_ratios(self):
        config = make_config(styles=[{}, {"scale": 1.5}, {"scale": 0.5}])
        wide, tall = noise(51, 64), noise(64, 51)
        inputs = Inputs(noise(30, 40), [wide, tall, tall])
        scaled = ScaledInputs(config, inputs, Scale(32, 1))
        assert scaled.size == scaled.content.shape[:2] == fit_size(30, 40, 32)
        expected = [fit_size(51, 64, 32), fit_size(64, 51, 48), fit_size(64, 51, 16)]
        assert scaled.style_sizes == expected
        assert [scaled.style(i).shape[:2] for i in range(3)] == expected
        np.testing.assert_array_equal(scaled.style(1), resize(tall, *expected[1]))
