"""Short runs on the real network, whole or in tiles, here and in other processes."""

from conftest import CONTENT, STYLE

import tfstyle


def run(size, tile, **overrides):
    """Return the picture of a run of four steps."""
    options = {
        "size": size,
        "precision": "float32",
        "pyramid": {"min_size": None, "steps": [4]},
        "memory.tile": tile,
        **overrides,
    }
    return tfstyle.stylize(CONTENT, STYLE, **options).image
