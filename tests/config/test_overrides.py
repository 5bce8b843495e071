"""Options over a config: dotted keys, whole sections, and --set."""

import pytest
from config_files import ONE_LINE, override_complaint

from tfstyle.config import StyleConfig, parse_override
from tfstyle.config.schema import Style


class TestOverrides:
    def test_a_dotted_key_changes_one_value(self):
        config = StyleConfig().with_overrides({"objective.tv_weight": "1e-2"})
        before, after = StyleConfig().model_dump(), config.model_dump()
        assert after["objective"].pop("tv_weight") == 0.01
        before["objective"].pop("tv_weight")
        assert after == before

    def test_a_section_is_merged(self):
        config = StyleConfig().with_overrides(
            {"objective": {"style_weight": 3, "tv_weight": 4}}
        )
        assert config.objective.style_weight == 3
        assert config.objective.tv_weight == 4
        assert config.objective.content_weight == StyleConfig().objective.content_weight

    @pytest.mark.parametrize(
        "overrides",
        [
            {"objective.style_layers": {"block3_conv1": 1}},
            {"objective": {"style_layers": {"block3_conv1": 1}}},
        ],
    )
    def test_layers_are_replaced_as_a_whole(self, overrides):
        config = StyleConfig().with_overrides(overrides)
        assert config.objective.style_layers == {"block3_conv1": 1.0}
        defaults = StyleConfig().objective
        assert config.objective.content_layers == defaults.content_layers

    def test_one_layer_can_be_changed_or_added(self):
        config = StyleConfig().with_overrides(
            {
                "objective.style_layers.block1_conv1": 0.5,
                "objective.style_layers.block3_conv4": 0.25,
            }
        )
        expected = StyleConfig().objective.style_layers | {
            "block1_conv1": 0.5,
            "block3_conv4": 0.25,
        }
        assert config.objective.style_layers == expected

    def test_a_list_is_replaced(self):
        config = StyleConfig(styles=[Style(path="a.png", weight=3)])
        config = config.with_overrides(
            {"styles": [{"path": "b.png"}, {"path": "c.png", "scale": 2}]}
        )
        assert config.styles == [Style(path="b.png"), Style(path="c.png", scale=2)]
        assert config.with_overrides({"pyramid.steps": [7]}).pyramid.steps == [7]

    def test_later_ones_win(self):
        config = StyleConfig().with_overrides(
            {"objective": {"tv_weight": 1}, "objective.tv_weight": 2}
        )
        assert config.objective.tv_weight == 2

    def test_the_config_itself_stays(self):
        config = StyleConfig()
        config.with_overrides(
            {"size": 64, "objective.style_layers.block1_conv1": 9, "pyramid.steps": [1]}
        )
        assert config == StyleConfig()

    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            ({"sze": 64}, "sze is not a known key; did you mean size?"),
            ({"": 64}, "is not a known key"),
            ({".size": 64}, "is not a known key"),
            ({"style_weight": 3}, "known key; did you mean objective.style_weight?"),
            ({"style_wieght": 3}, "known key; did you mean objective.style_weight?"),
            ({"objective.": 3}, "objective. is not a known key"),
            ({"objective.tv_wieght": 3}, "did you mean tv_weight?"),
            ({"objective": {"tv_wieght": 3}}, "did you mean tv_weight?"),
            ({"objective": 3}, "objective is 3: write it as in {formulation: "),
            ({"size.width": 64}, "size: it should be a valid integer"),
            ({"objective.tv_weight.x": 1}, "objective.tv_weight: it should be"),
            ({"styles.0.path": "a.png"}, "'0' is no entry of a list; there is none"),
            ({"pyramid.steps.3": 5}, "'3' is no entry of a list; there is 0 to 2"),
            ({"pyramid.steps.-1": 5}, "'-1' is no entry of a list"),
            ({"pyramid.steps.0.x": 5}, "pyramid.steps.0: it should be"),
            ({"objective.style_layers.conv1": 1}, "'conv1' is no layer of VGG19"),
        ],
    )
    def test_bad_ones_are_refused(self, overrides, expected):
        assert expected in override_complaint(overrides)


class TestParseOverride:
    @pytest.mark.parametrize(
        ("text", "key", "value"),
        [
            ("size=64", "size", 64),
            ("size = 64", "size", 64),
            ("objective.tv_weight=1e2", "objective.tv_weight", "1e2"),
            ("init=a=b.png", "init", "a=b.png"),
            ("pyramid.steps=[3, 4]", "pyramid.steps", [3, 4]),
            ("pyramid.min_size=null", "pyramid.min_size", None),
            ("styles=[{path: a.png}]", "styles", [{"path": "a.png"}]),
            ("optimizer={name: adam}", "optimizer", {"name": "adam"}),
        ],
    )
    def test_splits_at_the_first_equals_sign(self, text, key, value):
        assert parse_override(text) == (key, value)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("size", "has no key and value; write --set key=value"),
            ("=64", "has no key and value"),
            ("", "has no key and value"),
            ("size=[64", "the value is not YAML"),
            ("size=*n", "aliases (*name) are not supported"),
            ("output={film: 1, film: 2}", "stands twice"),
            ("size=a:\n- b: c: d", "the value is not YAML"),
            ("size=2020-99-99", "is no timestamp"),
            ("size=!!int x", "'x' is no int"),
            ('init="\\U00110000"', "the value is not YAML"),
            ("size=" + "9" * 5000, "a number of 5000 characters"),
            ("size=" + "[" * 5000, "nested more than 32 levels deep"),
        ],
    )
    def test_bad_ones_are_refused(self, text, expected):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            parse_override(text)
        assert expected in str(error.value)
