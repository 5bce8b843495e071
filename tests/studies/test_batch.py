"""tfstyle.studies.batch: which runs many pictures ask for, and the command."""

import json

import pytest
from absl.testing import flagsaver
from small_runs import TINY, make_config

from tfstyle import batch
from tfstyle.images import save_image
from tfstyle.studies.batch import file_name, found, from_patterns, from_table, names


@pytest.fixture
def desk(tmp_path, photo, painting, monkeypatch):
    """A folder with two photographs and two paintings, where the commands run."""
    monkeypatch.chdir(tmp_path)
    for folder, picture in (("photos", photo), ("paintings", painting)):
        (tmp_path / folder).mkdir()
        save_image(tmp_path / folder / "one.png", picture)
        save_image(tmp_path / folder / "two.png", picture[::-1])
    (tmp_path / "photos" / "notes.txt").touch()
    return tmp_path


@pytest.fixture
def config():
    return make_config(TINY, {"styles": [{"scale": 1.0, "weight": 2}]})


class TestFromPatterns:
    def test_is_a_grid(self, desk, config):
        study = from_patterns(config, ["photos/*"], ["paintings/*.png"])
        assert (study.rows, study.columns) == (["one", "two"], ["one", "two"])
        folders = [cell.folder for cell in study.cells]
        assert folders == ["one_one", "one_two", "two_one", "two_two"]
        (style,) = study.cells[1].config.styles
        assert (style.path, style.weight) == ("paintings/two.png", 2)

    def test_without_styles_those_of_the_config_are_everybody_s(self, desk, config):
        own = config.with_overrides({"styles": [{"path": "paintings/one.png"}] * 2})
        study = from_patterns(own, ["photos/*"], [])
        assert [len(cell.config.styles) for cell in study.cells] == [2, 2]
        assert [cell.folder for cell in study.cells] == ["one", "two"]

    @pytest.mark.parametrize(
        ("contents", "styles", "expected"),
        [
            ([], ["paintings/*"], "no --contents; give --contents 'photos/*.jpg'"),
            (["nothing/*"], ["paintings/*"], "'nothing/*' matches no picture"),
            (["photos/*.txt"], ["paintings/*"], "matches no picture (.jpg, .jpeg"),
            (["photos/*", "no.png"], ["paintings/*"], "'no.png' matches no picture"),
            (["photos/*"], ["photos"], "--styles 'photos' matches no picture"),
        ],
    )
    def test_what_is_missing_is_told(self, desk, config, contents, styles, expected):
        with pytest.raises(ValueError) as told:  # noqa: PT011
            from_patterns(config, contents, styles)
        assert expected in str(told.value)

    def test_a_picture_comes_once(self, desk):
        paths = found("contents", ["photos/*", "photos/one.png"], "")
        assert paths == ["photos/one.png", "photos/two.png"]

    def test_nor_by_another_spelling(self, desk):
        assert found("contents", ["photos/one.png", "./photos/*"], "") == [
            "photos/one.png",
            "./photos/two.png",
        ]

    def test_pairs_whose_names_look_alike_have_folders_of_their_own(
        self, desk, config, photo
    ):
        for name in ("a_b", "a", "c", "b_c"):
            save_image(desk / f"{name}.png", photo)
        study = from_patterns(config, ["a_b.png", "a.png"], ["c.png", "b_c.png"])
        folders = [cell.folder for cell in study.cells]
        assert len(set(folders)) == 4
        assert folders[1:3] == ["a_b_b_c", "a_c"]

    def test_brackets_in_a_name_are_no_pattern(self, desk, photo):
        save_image(desk / "[1].png", photo)
        assert found("contents", ["[1].png"], "") == ["[1].png"]


class TestNames:
    def test_are_those_of_the_files(self):
        assert names(["a/harbour at dusk.jpg", "b/owl.png"]) == {
            "a/harbour at dusk.jpg": "harbour_at_dusk",
            "b/owl.png": "owl",
        }

    def test_cannot_collide(self):
        found = names(["a/owl.png", "b/owl.jpg", "b/Owl.jpg", "c/o.png"])
        assert len({name.lower() for name in found.values()}) == 4
        assert found["c/o.png"] == "o"
        assert names(["a/owl.png", "d/owl.png"])["a/owl.png"] == found["a/owl.png"]

    def test_are_safe_and_short(self):
        assert file_name("../..", "???") == "picture"
        assert file_name("고양이 1") == "고양이_1"
        assert file_name("style", "targets") == "style_targets_"
        assert file_name("con") == "con_"
        assert len(file_name("a" * 300)) <= 80
        assert file_name("a" * 300) != file_name("a" * 301)


class TestFromTable:
    def test_a_row_is_a_run(self, desk, config):
        (desk / "pairs.csv").write_text(
            "content,style,objective.style_weight,name\n"
            "photos/one.png,paintings/two.png,7,mine\n"
            "photos/two.png,,,\n"
        )
        first, second = from_table(config, "pairs.csv").cells
        assert first.folder == "mine"
        assert first.config.objective.style_weight == 7
        assert first.config.styles[0].path == "paintings/two.png"
        assert second.folder == "two"
        assert second.config.styles == config.styles

    def test_the_same_pair_with_other_keys_has_a_name_of_its_own(self, desk, config):
        (desk / "pairs.csv").write_text(
            "content,style,seed\n"
            "photos/one.png,paintings/one.png,1\nphotos/one.png,paintings/one.png,2\n"
        )
        cells = from_table(config, "pairs.csv").cells
        assert len({cell.folder for cell in cells}) == 2

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "has the columns []; its first line should name content"),
            ("photo,style\na,b\n", "has the columns ['photo', 'style']"),
            ("content,style\n", "has 0 rows"),
            ("content,sede\nphotos/one.png,1\n", "line 2: sede is not a known key"),
            ("content,size\nphotos/one.png,x\n", "line 2: size is 'x'"),
            ("content\nphotos/no.png\n", "line 2: there is no file photos/no.png"),
            ("content\nphotos/one.png,b\n", "line 2 has more fields than columns"),
            ("content,style\n,paintings/one.png\n", "line 2 has no content"),
            (
                "content,style\nphotos/one.png,\n\n\nphotos/one.png,\n",
                "line 5: it has the name of line 2",
            ),
            (
                "content,name\nphotos/one.png,A\nphotos/two.png,a\n",
                "line 3: it has the name of line 2",
            ),
            ("content,size,size\nphotos/one.png,1,2\n", "each once, and content"),
            ("content,content.path\nphotos/one.png,b\n", "content without .path"),
            (
                "content,name\nphotos/one.png,a\nphotos/two.png,a\n",
                "line 3: it has the name of line 2, a",
            ),
        ],
    )
    def test_mistakes_name_the_line(self, desk, config, text, expected):
        (desk / "pairs.csv").write_text(text)
        with pytest.raises(ValueError) as told:  # noqa: PT011
            from_table(config, "pairs.csv")
        assert expected in str(told.value)

    def test_a_file_that_is_not_there(self, desk, config):
        with pytest.raises(ValueError, match="No such file"):
            from_table(config, "pairs.csv")


class TestCommand:
    @pytest.fixture
    def call(self, desk, tiny_vgg19, capsys):
        tiny = [f"--set={key}={json.dumps(value)}" for key, value in TINY.items()]

        def call(*flags):
            with flagsaver.flagsaver():
                code = batch.main(["tfstyle-batch", *tiny, *flags])
            return code, capsys.readouterr()

        return call

    PICTURES = ("--contents", "photos/*", "--styles", "paintings/*")

    def test_makes_a_folder_of_runs(self, call, desk):
        code, told = call(*self.PICTURES, "--output", "out")
        assert code == 0
        assert told.out.strip() == "out/sheet.png"
        assert len(list((desk / "out").glob("*/result.png"))) == 4
        assert (desk / "out" / "results.csv").is_file()

    def test_a_bad_picture_fails_alone(self, call, desk):
        (desk / "photos" / "bad.png").write_bytes(b"no picture")
        code, told = call(*self.PICTURES, "--output", "out")
        assert code == 1
        lines = [line for line in told.err.splitlines() if "error" in line]
        assert len(lines) == 2
        assert "bad.png" in lines[0]
        assert len(list((desk / "out").glob("*/result.png"))) == 4

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [
            (("--content", "a.png"), "give --contents and --styles, or --pairs"),
            (("--pairs", "p.csv", "--contents", "a"), "--pairs names all pictures"),
            ((*PICTURES, "--address", "127.0.0.1:9"), "no Ray cluster is there"),
            ((*PICTURES, "--address", "nowhere"), "no Ray cluster is there"),
            ((*PICTURES, "--address", "auto", "--jobs", "2"), "keep one"),
        ],
    )
    def test_mistakes_cost_one_line(self, call, desk, flags, expected):
        code, told = call(*flags, "--output", "out")
        assert code == 2
        assert len(told.err.splitlines()) == 1
        assert expected in told.err
        assert not list((desk / "out").glob("*/result.png"))
