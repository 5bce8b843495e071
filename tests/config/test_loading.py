"""tfstyle.config.loading: files and the paths in them."""

from pathlib import Path

import pytest

from tfstyle.config import load_config


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
            "styles:\n"
            "  - {path: pictures/cat.png, mask: pictures/cat.png}\n"
            "  - {path: pictures/missing.png, style_mask: pictures/cat.png}\n"
            "init: pictures/cat.png\n"
            "extractor: {weights: pictures/cat.png}\n"
            "palette: pictures/cat.png\n"
            "keep: {mask: pictures/cat.png}\n"
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
        assert (config.palette, config.keep.mask) == (found, found)
        assert (config.styles[0].mask, config.styles[1].style_mask) == (found, found)
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
