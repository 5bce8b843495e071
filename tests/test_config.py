"""tfstyle.config.schema: every key, every way to get one wrong, and the line that says so."""

import os
import re
import socket
import time
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tfstyle.config.loading import load_config, parse_override
from tfstyle.config.schema import Style, StyleConfig, validate
from tfstyle.config.yaml_file import MAX_BYTES
from tfstyle.vgg.layers import VGG19_LAYERS, min_side

ONE_LINE = r"\A[^\n]+\Z"
RECIPES = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


@pytest.fixture
def load(tmp_path):
    """Write text or bytes to a file and load it as a config."""

    def write_and_load(text):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "recipe.yaml").write_bytes(data)
        return load_config(tmp_path / "recipe.yaml")

    return write_and_load


@pytest.fixture
def complaint(load):
    """Return the one line with which a config is refused; it names the file."""

    def refuse(text):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            load(text)
        line = str(error.value)
        assert "recipe.yaml" in line
        return line

    return refuse


def override_complaint(overrides):
    with pytest.raises(ValueError, match=ONE_LINE) as error:
        StyleConfig().with_overrides(overrides)
    return str(error.value)


def get(config, key):
    """Return config.a.b for the key "a.b"."""
    for part in key.split("."):
        config = getattr(config, part)
    return config


def without_paths(config):
    data = config.model_dump()
    data["content"].pop("path")
    for style in data["styles"]:
        style.pop("path")
    return data


class TestRecipes:
    def test_the_defaults_are_those_of_default_yaml(self, configs):
        written = without_paths(load_config(configs / "default.yaml"))
        built_in = without_paths(StyleConfig(styles=[Style()]))
        assert written == built_in

    def test_default_yaml_has_every_key(self, configs):
        written = yaml.safe_load((configs / "default.yaml").read_text("utf-8"))

        def keys(data, prefix=""):
            if isinstance(data, list) and data and isinstance(data[0], dict):
                data = data[0]
            if not isinstance(data, dict):
                return {prefix}
            return set().union(
                *(keys(value, f"{prefix}.{key}") for key, value in data.items())
            )

        model = StyleConfig(styles=[Style()]).model_dump()
        assert keys(written) == keys(model)

    @pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
    def test_every_recipe_validates(self, path):
        config = load_config(path)
        assert config.content.path is not None
        assert all(style.path is not None for style in config.styles)
        assert config.styles

    @pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
    def test_every_recipe_says_how_to_run_it(self, path):
        comment = re.match(r"(#.*\n)+", path.read_text("utf-8")).group()
        assert f"python -m tfstyle.run --config configs/{path.name}" in comment

    @pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
    def test_every_recipe_has_its_record(self, path):
        """How long it took, where, and what the losses were."""
        comment = re.match(r"(#.*\n)+", path.read_text("utf-8")).group()
        assert "RECORD" not in comment
        assert re.search(r"\d+ s\b", comment)


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("text", "key", "known"),
        [
            ("sze: 64", "sze", "size"),
            ("Size: 64", "Size", "size"),
            ("style: []", "style", "styles"),
            ("content: {pth: a.png}", "content.pth", "path"),
            ("styles: [{path: a.png}, {wieght: 2}]", "styles.1.wieght", "weight"),
            ("extractor: {poling: avg}", "extractor.poling", "pooling"),
            ("objective: {style_wieght: 3}", "objective.style_wieght", "style_weight"),
            (
                "objective: {style_layers: {block1_con1: 1}}",
                "objective.style_layers.block1_con1",
                "block1_conv1",
            ),
            ("optimizer: {learning-rate: 1}", "optimizer.learning-rate", "learning_"),
            ("pyramid: {minsize: 64}", "pyramid.minsize", "min_size"),
            ("output: {snapshots_every: 9}", "output.snapshots_every", "snapshot_"),
        ],
    )
    def test_the_nearest_is_suggested(self, complaint, text, key, known):
        line = complaint(text)
        assert f"{key} is" in line
        assert f"did you mean {known}" in line

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            ("zzz: 1", "content, styles, size, init, seed"),
            ("content: {zzz: 1}", "path"),
            ("styles: [{zzz: 1}]", "path, weight, scale"),
            ("optimizer: {zzz: 1}", "name, history, history_precision"),
            ("objective: {style_layers: {relu4_2: 1}}", "block1_conv1"),
        ],
    )
    def test_the_known_ones_are_listed_if_none_is_near(self, complaint, text, keys):
        assert keys in complaint(text)

    def test_others_are_counted(self, complaint):
        assert "(and 2 more)" in complaint("sze: 1\nsede: 2\nobjective: {tv: 3}")


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
            ("styles: [{weight: 0}]", "styles.0.weight is 0: it should be greater"),
            ("styles: [{}, {scale: 9}]", "styles.1.scale is 9: it should be less"),
            ("objective: {tv_weight: -1}", "tv_weight is -1: it should be greater"),
            (
                "objective: {content_layers: {block4_conv2: -1}}",
                "content_layers.block4_conv2 is -1: it should be greater",
            ),
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


class TestFiles:
    @pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n"])
    def test_an_empty_one_has_the_defaults(self, load, text):
        assert load(text) == StyleConfig()

    def test_a_byte_order_mark_and_windows_line_ends_are_fine(self, load):
        assert load(b"\xef\xbb\xbfsize: 64\r\nseed: 3\r\n").seed == 3

    @pytest.mark.parametrize("text", ["- size: 64", "512", "size", "[]"])
    def test_must_have_keys(self, complaint, text):
        assert "expected keys with values, such as 'size: 512'" in complaint(text)

    @pytest.mark.parametrize(
        ("text", "twice"),
        [
            ("size: 64\nseed: 1\nsize: 64", "size"),
            ("objective: {tv_weight: 1, tv_weight: 2}", "tv_weight"),
            ("styles:\n- path: a.png\n  path: b.png", "path"),
        ],
    )
    def test_a_key_stands_once(self, complaint, text, twice):
        assert f"the key '{twice}' stands twice; keep one" in complaint(text)

    @pytest.mark.parametrize(
        "text", ["size: &n 64\nseed: *n", "content: &c {path: a}\noutput: {<<: *c}"]
    )
    def test_aliases_are_refused(self, complaint, text):
        assert "aliases (*name) are not supported" in complaint(text)

    @pytest.mark.parametrize(
        "text",
        [
            "\tsize: 64",
            "objective:\n\ttv_weight: 1",
            "size: [64",
            "size: 64\n---\nsize: 65",
            "size: !!python/object/apply:os.getcwd []",
            "[a]: 1",
            "size: 6\x004",
            "[" * 5000,
        ],
        ids=["tab", "tab2", "bracket", "two", "python", "list key", "nul", "deep"],
    )
    def test_what_is_no_yaml_is_refused(self, complaint, text):
        assert "recipe.yaml is not valid YAML: " in complaint(text)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("size: 2020-99-99", "'2020-99-99' is no timestamp at line 1, column 7"),
            ("seed: 1\nsize: !!int x", "'x' is no int at line 2, column 7"),
            ("size: !!bool x", "'x' is no bool"),
            ("size: !!timestamp x", "'x' is no timestamp"),
            ("size: !!set [a]", "expected a mapping node"),
            ('init: "\\U00110000"', "chr() arg not in range"),
            ("? [a]\n: 1", "found unhashable key"),
            ("objective: {style_layers: {1: 2, true: 3}}", "the key True stands twice"),
            ("~: 1\nnull: 2", "the key None stands twice"),
            ("<<: 3", "expected a mapping or list of mappings for merging"),
            ("size: 64\n<<: {size: 65}", "the key 'size' stands twice"),
            ("size: 1" + "0" * 5000, "a number of 5001 characters; 1000 are allowed"),
            ("size: 0x" + "f" * 5000, "a number of 5002 characters"),
            ("objective: {tv_weight: 1" + ":30" * 5000 + ".5}", "a number of 15003"),
            ("objective: {tv_weight: 1" + ":30" * 300 + ".5}", "is no float"),
            ("size: " + "[" * 50 + "]" * 50, "nested more than 32 levels deep"),
            ("size: {1\ufeff: 3: 4}", "\\ufeff"),
        ],
        ids=lambda text: text[:24],
    )
    def test_what_python_cannot_read_is_refused(self, complaint, text, reason):
        line = complaint(text)
        assert "recipe.yaml is not valid YAML: " in line
        assert reason in line
        assert len(line) < 500

    def test_a_merged_mapping_is_as_good_as_its_keys(self, load):
        assert load("<<: {size: 64}\nseed: 3") == load("size: 64\nseed: 3")

    @pytest.mark.parametrize("text", ["#" * MAX_BYTES, "[" * MAX_BYTES + "]"])
    def test_size_is_bounded(self, load, complaint, text):
        if text[0] == "#":
            assert load(text) == StyleConfig()
        assert "has more than 262144 bytes" in complaint(text + "#")

    @pytest.mark.parametrize(
        "text", ["[" * 250_000, "size: [" + "[]," * 30_000 + "]", "a: 1\n" * 50_000]
    )
    def test_the_largest_is_refused_within_seconds(self, complaint, text):
        began = time.perf_counter()
        complaint(text)
        assert time.perf_counter() - began < 20

    @pytest.mark.parametrize("key", ["1", "null", "true", "2020-01-01"])
    def test_keys_are_words(self, complaint, key):
        assert "Keys should be strings" in complaint(f"{key}: 64")

    @pytest.mark.parametrize("data", [b"\xff\xfe\x00", "size: 64".encode("utf-16")])
    def test_must_be_utf_8(self, complaint, data):
        line = complaint(data)
        assert "it is not UTF-8 text; give a YAML file" in line

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("missing.yaml", "No such file or directory"),
            (".", "Is a directory"),
            ("file/x.yaml", "Not a directory"),
        ],
    )
    def test_must_be_readable(self, tmp_path, name, reason):
        (tmp_path / "file").touch()
        path = tmp_path / name
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            load_config(path)
        assert str(error.value) == (
            f"config {path} cannot be read: {reason}; give a YAML file such as "
            "configs/default.yaml"
        )

    @pytest.mark.parametrize("kind", ["pipe", "socket", "device", "loop"])
    def test_must_be_a_regular_file(self, tmp_path, monkeypatch, kind):
        """A pipe would block for ever, and a device might have no end."""
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        path = Path("odd.yaml")
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(path))
        else:
            path.symlink_to("/dev/zero" if kind == "device" else path)
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            load_config(path)
        assert "odd.yaml cannot be read: " in str(error.value)

    @pytest.mark.parametrize(
        "name", ["a\0b.yaml", "x" * 300, "x" * 5000, "\udcff.yaml", ""]
    )
    def test_a_name_can_be_impossible(self, tmp_path, name):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            load_config(f"{tmp_path}/{name}")
        assert "cannot be read: " in str(error.value)

    @pytest.mark.parametrize(
        "name", ["my file.yaml", "설정.yaml", "😀.yaml", "two\nlines.yaml", "-x.yaml"]
    )
    def test_a_name_can_be_unusual(self, tmp_path, name):
        path = tmp_path / name
        path.write_text("size: 64")
        assert load_config(path).size == 64
        path.write_text("sizes: 64")
        with pytest.raises(ValueError, match=ONE_LINE):
            load_config(path)
        path.write_text("size: [64")
        with pytest.raises(ValueError, match=ONE_LINE):
            load_config(path)


class TestFileNames:
    KEYS = ("content.path", "init", "extractor.weights")

    @pytest.mark.parametrize("key", KEYS)
    def test_can_be_paths(self, key):
        config = StyleConfig().with_overrides({key: Path("folder") / "a.png"})
        assert get(config, key) == str(Path("folder/a.png"))

    def test_of_styles_can_be_paths(self):
        config = StyleConfig(styles=[{"path": Path("a.png")}], init=Path("b.png"))
        assert (config.styles[0].path, config.init) == ("a.png", "b.png")
        assert "b.png" in config.to_yaml()

    @pytest.mark.parametrize("key", KEYS)
    @pytest.mark.parametrize("name", ["a\0b", "", "\ud800"])
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
            ({"styles.0.path": "a.png"}, "inside a list; set the whole list, as in"),
            ({"pyramid.steps.0": 5}, "inside a list; set the whole list"),
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


class TestHugeNumbers:
    @pytest.mark.parametrize(
        "value",
        [10**5000, -(10**5000), 10**400, "9" * 5000],
        ids=["huge", "negative", "large", "text"],  # str() refuses the first
    )
    @pytest.mark.parametrize(
        "key", ["size", "seed", "objective.tv_weight", "memory.tile"]
    )
    def test_are_refused(self, key, value):
        line = override_complaint({key: value})
        assert key in line
        assert len(line) < 300


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


class TestPaths:
    @pytest.fixture
    def repository(self, tmp_path, monkeypatch):
        """A repository with a picture and configs, and another working folder."""
        root = tmp_path / "repository"
        (root / "configs" / "studies").mkdir(parents=True)
        (root / "pictures").mkdir()
        (root / "pictures" / "cat.png").touch()
        text = (
            "content: {path: pictures/cat.png}\n"
            "styles: [{path: pictures/cat.png}, {path: pictures/missing.png}]\n"
            "init: pictures/cat.png\n"
            "extractor: {weights: pictures/cat.png}\n"
        )
        (root / "configs" / "cat.yaml").write_text(text)
        (root / "configs" / "studies" / "cat.yaml").write_text(text)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        return root

    @pytest.mark.parametrize("folder", ["configs", "configs/studies"])
    def test_are_found_beside_the_config(self, repository, folder):
        config = load_config(repository / folder / "cat.yaml")
        found = str(repository / "pictures" / "cat.png")
        assert config.content.path == found
        assert config.styles[0].path == found
        assert config.init == found
        assert config.extractor.weights == found

    @pytest.mark.parametrize(
        ("folder", "name"),
        [
            (".", "configs/cat.yaml"),
            (".", "configs/studies/cat.yaml"),
            ("configs", "cat.yaml"),
            ("configs", "studies/cat.yaml"),
            ("configs/studies", "../cat.yaml"),
            ("configs/studies", "cat.yaml"),
            ("pictures", "../configs/cat.yaml"),
        ],
    )
    def test_are_found_from_any_folder_of_the_repository(
        self, repository, monkeypatch, folder, name
    ):
        monkeypatch.chdir(repository / folder)
        config = load_config(name)
        assert Path(config.content.path).samefile(repository / "pictures" / "cat.png")

    def test_the_working_folder_comes_first(self, repository):
        Path("pictures").mkdir()
        Path("pictures/cat.png").touch()
        config = load_config(repository / "configs" / "cat.yaml")
        assert config.content.path == "pictures/cat.png"
        assert config.init == "pictures/cat.png"

    def test_what_is_nowhere_stays_as_it_was_written(self, repository):
        config = load_config(repository / "configs" / "cat.yaml")
        assert config.styles[1].path == "pictures/missing.png"

    def test_the_words_for_init_and_weights_are_no_paths(self, repository):
        for name in ("noise", "bundled"):
            (repository / name).touch()
        path = repository / "configs" / "words.yaml"
        path.write_text("init: noise\nextractor: {weights: bundled}")
        config = load_config(path)
        assert (config.init, config.extractor.weights) == ("noise", "bundled")


class TestMinSide:
    @pytest.mark.parametrize(
        ("layer", "pixels"),
        [
            ("block1_conv1", 1),
            ("block1_conv2", 1),
            ("block1_pool", 2),
            ("block2_conv1", 2),
            ("block4_conv2", 8),
            ("block5_conv4", 16),
            ("block5_pool", 32),
        ],
    )
    def test_doubles_with_each_pooling(self, layer, pixels):
        assert min_side(layer) == pixels

    def test_is_the_network_s(self, vgg):
        import tensorflow as tf

        side = 47  # is odd after every pooling, so each of them drops a row
        features = vgg(tf.zeros((1, side, side, 3)))
        for layer in VGG19_LAYERS:
            assert features[layer].shape[1] == side // min_side(layer)
