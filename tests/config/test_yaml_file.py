"""tfstyle.config.yaml_file: YAML without what no config needs."""

import os
import socket
import time
from pathlib import Path

import pytest
from config_files import ONE_LINE

from tfstyle.config import StyleConfig, load_config
from tfstyle.config.yaml_file import MAX_BYTES


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
