"""Pictures and a config for tests of what a run takes as its inputs."""

import numpy as np

from tfstyle.config import StyleConfig

ONE_LINE = r"\A[^\n]+\Z"


def noise(height, width):
    return np.random.default_rng(0).random((height, width, 3), np.float32)


def make_config(**overrides):
    """A config that asks for block4_conv1, 8 pixels a side, at 64 px."""
    return StyleConfig().with_overrides(
        {
            "size": 64,
            "pyramid.min_size": None,
            "objective.content_layers": {"block4_conv1": 1},
            "objective.style_layers": {"block1_conv1": 1},
            "styles": [{}],
            **overrides,
        }
    )
