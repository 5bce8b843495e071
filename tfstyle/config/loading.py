"""Config files and `--set`: read, validated, and their relative paths found."""

import os
from pathlib import Path
from typing import Any

import yaml

from tfstyle.config.messages import one_line, short
from tfstyle.config.schema import STARTS, StyleConfig, picture_places, validate
from tfstyle.config.yaml_file import parse_yaml, read_yaml, what_is_wrong


def load_config(path: str | os.PathLike[str]) -> StyleConfig:
    """Read a YAML file; keys it leaves out have their defaults.

    Relative paths in it are relative to the working folder; what is not there is
    looked for in the folders above the file, that is, in the repository it came with.

    Raises:
        ValueError: if the file cannot be read, is not YAML, or has a bad key or value.
    """
    data = read_yaml(path)
    try:
        config = validate({} if data is None else data)
    except ValueError as error:
        raise ValueError(one_line(f"config {path}: {error}")) from error
    return locate_paths(config, path)


def parse_override(text: str) -> tuple[str, Any]:
    """Split "objective.style_weight=1e2" into the dotted key and its YAML value.

    Raises:
        ValueError: if there is no "=" or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError(
            f"--set {short(text)} has no key and value; write --set key=value"
        )
    try:
        return key.strip(), parse_yaml(value)
    except yaml.YAMLError as error:
        raise ValueError(
            f"--set {short(text)}: the value is not YAML: {what_is_wrong(error)}"
        ) from error


def locate_paths(
    config: StyleConfig, config_path: str | os.PathLike[str]
) -> StyleConfig:
    """Replace each path that is not in the working folder but beside the config."""
    data = config.model_dump()
    for section, key in picture_places(data):
        if section[key] is not None:
            section[key] = locate(section[key], config_path)
    if config.init not in STARTS:
        data["init"] = locate(config.init, config_path)
    if config.extractor.weights not in ("bundled", "imagenet"):
        weights = locate(config.extractor.weights, config_path)
        data["extractor"]["weights"] = weights
    return StyleConfig.model_validate(data)


def locate(path: str, config_path: str | os.PathLike[str]) -> str:
    """Find a relative path in the working folder, else in the folders above a config.

    Those are the folders of the repository that the config came with. A path that is
    nowhere comes back as it was.
    """
    if os.path.exists(path):  # not Path.exists, which raises for an endless name
        return path
    for folder in Path(os.path.abspath(config_path)).parents[:4]:
        found = os.path.normpath(folder / path)
        if os.path.exists(found):
            absolute = Path(config_path).is_absolute()
            return found if absolute else os.path.relpath(found)
    return path
