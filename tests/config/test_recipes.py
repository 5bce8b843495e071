"""configs/: each is whole, and says how it is run and what came of it."""

import re

import pytest
import yaml
from conftest import ROOT

from tfstyle.config import StyleConfig, load_config
from tfstyle.config.schema import Style

RECIPES = sorted((ROOT / "configs").glob("*.yaml"))


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
