"""The recipes that are compared, with the pictures that the flags name."""

from pathlib import Path
from typing import Any

from absl import flags

from tfstyle.cli.options import content_from_flags
from tfstyle.config import StyleConfig
from tfstyle.config.loading import load_config

CONFIGS = Path(__file__).parents[2] / "configs"


def recipe(name: str, **overrides: Any) -> StyleConfig:
    """Return configs/NAME.yaml, with --content and --style if they are given."""
    if content := content_from_flags():
        overrides["content.path"] = content
    if style := flags.FLAGS.style:
        overrides["styles"] = [{"path": style}]
    return load_config(CONFIGS / f"{name}.yaml").with_overrides(overrides)
