"""Configs from text, and the line with which one is refused."""

import pytest
from config_files import ONE_LINE

from tfstyle.config import load_config


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
