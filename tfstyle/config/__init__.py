"""Every option, typed: YAML files and overrides in, one frozen `StyleConfig` out.

The schema, the reading of files, and the line that says what is wrong with one. Loads
no TensorFlow, so a mistake is reported within a fraction of a second.
"""

from tfstyle.config.loading import load_config, locate, locate_paths, parse_override
from tfstyle.config.objective import (
    CONTENT_LOSSES,
    STYLE_LOSSES,
    Further,
    Objective,
)
from tfstyle.config.schema import (
    SECTIONS,
    STARTS,
    Extractor,
    Optimizer,
    Pyramid,
    Style,
    StyleConfig,
    Video,
    picture_places,
)
from tfstyle.config.stroke import with_stroke
from tfstyle.config.types import Section

__all__ = [
    "CONTENT_LOSSES",
    "SECTIONS",
    "STARTS",
    "STYLE_LOSSES",
    "Extractor",
    "Further",
    "Objective",
    "Optimizer",
    "Pyramid",
    "Section",
    "Style",
    "StyleConfig",
    "Video",
    "load_config",
    "locate",
    "locate_paths",
    "parse_override",
    "picture_places",
    "with_stroke",
]
