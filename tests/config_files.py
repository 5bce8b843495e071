"""What tests of configs need: the line of a refusal, and a value by its dotted key."""

import pytest

from tfstyle.config import StyleConfig

ONE_LINE = r"\A[^\n]+\Z"


def override_complaint(overrides):
    """Return the one line with which overrides are refused."""
    with pytest.raises(ValueError, match=ONE_LINE) as error:
        StyleConfig().with_overrides(overrides)
    return str(error.value)


def get(config, key):
    """Return config.a.b for the key "a.b"."""
    for part in key.split("."):
        config = getattr(config, part)
    return config
