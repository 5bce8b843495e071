"""tfstyle.config.schema: every key, and the values that it takes."""

from pathlib import Path

import pytest
import yaml
from config_files import get, override_complaint
from pydantic import ValidationError

from tfstyle.config import StyleConfig
from tfstyle.config.schema import Style, validate


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "key", "value"),
        [
            ("objective: {tv_weight: 1e4}", "objective.tv_weight", 1e4),
            ("objective: {tv_weight: 1.0e4}", "objective.tv_weight", 1e4),
            ("objective: {tv_weight: 1e-4}", "objective.tv_weight", 1e-4),
            ("objective: {tv_weight: 3}", "objective.tv_weight", 3.0),
            ("optimizer: {epsilon: '1e-7'}", "optimizer.epsilon", 1e-7),
            ("size: 1e2", "size", 100),
            ("size: 1.0e2", "size", 100),
            ("size: '64'", "size", 64),
            ("seed: 1e4", "seed", 10_000),
            ("pyramid: {steps: [1e2, 2.0e1]}", "pyramid.steps", [100, 20]),
            ("pyramid: {min_size: 1.28e2}", "pyramid.min_size", 128),
            ("seed: 9223372036854775807", "seed", 2**63 - 1),
        ],
    )
    def test_are_read_by_the_type_of_their_key(self, load, text, key, value):
        loaded = get(load(text), key)
        assert loaded == value
        assert type(loaded) is type(value)

    def test_layer_weights_are_numbers_too(self, load):
        config = load("objective: {style_layers: {block1_conv1: 1e4}}")
        assert config.objective.style_layers == {"block1_conv1": 1e4}

    @pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "nan", "inf", "1e999"])
    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("size: {}", "size"),
            ("objective: {{tv_weight: {}}}", "objective.tv_weight"),
            ("objective: {{style_layers: {{block1_conv1: {}}}}}", "block1_conv1"),
            ("styles: [{{path: a.png, weight: {}}}]", "styles.0.weight"),
        ],
    )
    def test_must_be_finite(self, complaint, text, key, value):
        assert f"{key} is" in complaint(text.format(value))

    @pytest.mark.parametrize("value", ["true", "no", "on"])
    @pytest.mark.parametrize("key", ["size", "seed"])
    def test_are_not_booleans(self, complaint, key, value):
        assert "not true or false" in complaint(f"{key}: {value}")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("size: 15", "size is 15: it should be greater than or equal to 16"),
            ("size: 65537", "size is 65537: it should be less than or equal to 65536"),
            ("size: 64.5", "size is 64.5: it should be a valid integer"),
            ("size: -64", "size is -64: it should be greater"),
            ("size: large", "size is 'large': a number is needed"),
            ("size: null", "size is None: it should be a valid integer"),
            ("size: [64]", "size is [64]: it should be a valid integer"),
            ("size: {long: 64}", "size: it should be a valid integer"),
            ("seed: -1", "seed is -1: it should be greater"),
            ("seed: 9223372036854775808", "seed is 9223372036854775808: it should be"),
            ("styles: [{weight: -1}]", "styles.0.weight is -1: it should be greater"),
            ("styles: [{}, {scale: 9}]", "styles.1.scale is 9: it should be less"),
            ("objective: {tv_weight: -1}", "tv_weight is -1: it should be greater"),
            (
                "objective: {content_layers: {block4_conv2: -1}}",
                "content_layers.block4_conv2 is -1: it should be greater",
            ),
            ("objective: {tv_weight: [1, -1]}", "tv_weight.1 is -1: it should be"),
            ("objective: {tv_weight: []}", "objective.tv_weight is []: "),
            (
                "objective: {style_layers: {block1_conv1: [1, .nan]}}",
                "style_layers.block1_conv1.1 is nan: it should be a finite number",
            ),
            ("color_strength: 1.5", "color_strength is 1.5: it should be less"),
            ("color_strength: -1", "color_strength is -1: it should be greater"),
            ("optimizer: {history: 0}", "history is 0: it should be greater"),
            ("optimizer: {history: 101}", "history is 101: it should be less"),
            ("optimizer: {beta_1: 1}", "beta_1 is 1: it should be less than 1"),
            ("optimizer: {beta_2: -0.1}", "beta_2 is -0.1: it should be greater"),
            ("optimizer: {epsilon: 0}", "epsilon is 0: it should be greater than 0"),
            ("optimizer: {learning_rate: 0}", "learning_rate is 0: it should be"),
            ("pyramid: {min_size: 8}", "min_size is 8: it should be greater"),
            ("pyramid: {steps: [9, 0]}", "steps.1 is 0: it should be greater"),
            ("output: {checkpoint_every: -1}", "checkpoint_every is -1: it should"),
            ("output: {snapshot_every: -1}", "snapshot_every is -1: it should"),
        ],
    )
    def test_must_be_in_range(self, complaint, text, expected):
        assert expected in complaint(text)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = StyleConfig().with_overrides(
        {"content.path": "~/photo.jpg", "init": "~/start.png", "seed": 1}
    )
    assert config.content.path == str(tmp_path / "photo.jpg")
    assert config.init == str(tmp_path / "start.png")


class TestOtherValues:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("init: 3", "init is 3: it should be a valid string"),
            ("content: cat.png", "'cat.png': write it as in {path: photo.jpg}"),
            ("content: {path: [cat.png]}", "content.path is ['cat.png']: it should"),
            ("styles: swirls.jpg", "write it as in [{path: painting.jpg}]"),
            ("styles: [swirls.jpg]", "styles.0 is 'swirls.jpg': write it as in [{"),
            ("objective: null", "objective is None: write it as in {formulation: "),
            ("memory: 3", "memory is 3: write it as in {tile: auto}"),
            ("objective: {style_layers: {block1_conv1:1}}", "space after the colon"),
            ("objective: {content_layers: block4_conv2}", "content_layers is 'block4_"),
            ("objective: {formulation: gatys}", "'relative', 'mean' or 'paper'"),
            ("objective: {tv_reduction: max}", "'auto', 'mean' or 'sum'"),
            ("extractor: {pooling: average}", "'avg' or 'max'"),
            ("extractor: {normalized: maybe}", "normalized is 'maybe': it should be"),
            ("optimizer: {name: sgd}", "'lbfgs' or 'adam'"),
            ("color: grey", "'style', 'content_luminance' or 'content_match'"),
            ("keep: mask.png", "'mask.png': write it as in {mask: mask.png}"),
            (
                "color: content_match\npalette: a.png",
                "palette is 'a.png': it is of no use with color=content_match",
            ),
            ("{color: content_luminance, palette: a.png}", "set color=style"),
            ("precision: float64", "'auto', 'float32', 'bfloat16' or 'float16'"),
            ("pyramid: {steps: 100}", "steps is 100: write it as in [100, 60]"),
            ("pyramid: {steps: []}", "steps is []: write it as in [100, 60]"),
        ],
    )
    def test_of_a_wrong_kind_are_refused(self, complaint, text, expected):
        assert expected in complaint(text)

    @pytest.mark.parametrize(
        "text",
        [
            "{content_weight: 0, style_weight: 0, tv_weight: 0}",
            "{content_layers: {}, style_layers: {}, tv_weight: 0}",
            "{content_layers: {block1_conv1: 0}, style_weight: 0, tv_weight: 0}",
        ],
    )
    def test_something_must_be_minimized(self, complaint, text):
        line = complaint(f"objective: {text}")
        assert "nothing to minimi" in line
        assert "tv_weight above 0" in line

    def test_layers_are_those_with_a_weight_from_shallow_to_deep(self, load):
        config = load(
            "objective:\n"
            "  content_layers: {block5_conv1: 1, block4_conv2: 0}\n"
            "  style_layers: {block3_conv1: 1, block1_conv1: 2, block2_conv1: 0}\n"
        )
        wanted = ["block1_conv1", "block3_conv1", "block5_conv1"]
        assert config.objective.layers == wanted
        unstyled = config.with_overrides({"objective.style_weight": 0})
        assert unstyled.objective.layers == ["block5_conv1"]


class TestFileNames:
    KEYS = ("content.path", "init", "palette", "keep.mask", "extractor.weights")

    @pytest.mark.parametrize("key", KEYS)
    def test_can_be_paths(self, key):
        config = StyleConfig().with_overrides({key: Path("folder") / "a.png"})
        assert get(config, key) == str(Path("folder/a.png"))

    @pytest.mark.parametrize("key", KEYS)
    def test_can_be_bytes(self, key):
        """As of YAML's !!binary."""
        config = StyleConfig().with_overrides({key: "고양이.png".encode()})
        assert get(config, key) == "고양이.png"

    def test_of_styles_can_be_paths(self):
        config = StyleConfig(styles=[{"path": Path("a.png")}], init=Path("b.png"))
        assert (config.styles[0].path, config.init) == ("a.png", "b.png")
        assert "b.png" in config.to_yaml()

    @pytest.mark.parametrize("key", KEYS)
    @pytest.mark.parametrize("name", ["a\0b", "", "\ud800", b"", b"a\0b"])
    def test_can_be_impossible(self, key, name):
        line = override_complaint({key: name})
        assert f"{key} is " in line
        assert "no file can have this name; give a path" in line

    @pytest.mark.parametrize(
        "name", ["my cat.png", "고양이.png", "😀.png", "two\nlines.png", "\udcff.png"]
    )
    def test_can_be_unusual(self, load, tmp_path, name):
        config = StyleConfig(content={"path": name})
        assert load(config.to_yaml()).content.path == name

    def test_can_be_too_long_for_the_system(self, load):
        name = "x" * 5000
        assert load(f"content: {{path: {name}}}\ninit: {name}").init == name


class TestFrozen:
    def test_nothing_can_be_set(self):
        config = StyleConfig(styles=[Style()])
        for section, key in (
            (config, "size"),
            (config.objective, "tv_weight"),
            (config.styles[0], "weight"),
        ):
            with pytest.raises(ValidationError, match="frozen"):
                setattr(section, key, 99)

    def test_configs_share_no_lists(self):
        config = StyleConfig()
        config.objective.style_layers["block3_conv2"] = 9.0
        config.pyramid.steps.append(9)
        assert "block3_conv2" not in StyleConfig().objective.style_layers
        assert 9 not in StyleConfig().pyramid.steps


class TestToYaml:
    def test_round_trip(self, load):
        config = validate(
            {
                "content": {"path": "/nowhere/Katze, süß: 'Mimi' #1.png"},
                "styles": [
                    {"path": "1e4", "weight": 1e-9},
                    {"path": "null", "scale": 0.1},
                    {"path": "a\nb"},
                ],
                "size": 1000,
                "init": "yes",
                "seed": 2**63 - 1,
                "objective": {
                    "style_layers": {"block5_pool": 1 / 3},
                    "content_layers": {},
                },
                "optimizer": {"epsilon": 1e-300},
                "pyramid": {"min_size": None, "steps": [1, 2]},
            }
        )
        assert load(config.to_yaml()) == config

    def test_has_every_key_in_the_order_of_default_yaml(self, configs):
        written = yaml.safe_load((configs / "default.yaml").read_text("utf-8"))
        dumped = yaml.safe_load(StyleConfig().to_yaml())
        assert list(dumped) == list(written)
        assert list(dumped["objective"]) == list(written["objective"])
