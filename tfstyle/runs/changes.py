"""What a resumed run may be told anew, and what has to be as it was."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tfstyle.config import SECTIONS, STARTS, Style, StyleConfig

FREE = {"output", "memory.max_megapixels"}
"""What may change, as it has no part in what is computed."""
PATHS = re.compile(
    r"content\.path|styles\.\d+\.(path|mask|style_mask)|palette|keep\.mask"
)
"""They may change too, as `init` may if it is one: the pictures are compared."""


class ChangedError(ValueError):
    """The run is good, but of another config or of other pictures."""


def check_unchanged(
    folder: Path,
    before: dict[str, Any],
    config: StyleConfig,
    pictures: Mapping[str, str],
) -> None:
    """Check that a run is told the same as before, but for what may change.

    Args:
        folder: of the run.
        before: its config then, with the checksums of its "pictures".
        config: what it is told now.
        pictures: checksums of its pictures now.

    Raises:
        ValueError: if not; it lists the changed keys.
    """
    now = {**config.model_dump(), "pictures": dict(pictures)}
    changed = changed_keys({"pictures": {}, **_renewed(before)}, now)
    if changed:
        raise ChangedError(
            f"the config or a picture differs from that of the run in {folder}: "
            f"{'; '.join(changed)}; undo that, or start again with --overwrite"
        )


def _renewed(before: dict[str, Any]) -> dict[str, Any]:
    """Return a config with today's keys, as earlier versions had them."""
    before = _completed(before, StyleConfig().model_dump())
    styles = before.get("styles")
    if isinstance(styles, list):
        own = Style().model_dump()
        before["styles"] = [
            _completed(each, own) if isinstance(each, dict) else each for each in styles
        ]
    content = before.get("content")
    if not isinstance(content, dict) or "recolor" not in content:
        return before
    since = {"color": "style", "color_strength": 1.0 if content["recolor"] else 0.0}
    content = {key: value for key, value in content.items() if key != "recolor"}
    return {**before, "content": content, **since}


def _completed(data: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return data with the keys that were not there yet, at their defaults."""
    found = {**defaults, **data}
    for key in SECTIONS & data.keys() & defaults.keys():
        if isinstance(data[key], dict):
            found[key] = {**defaults[key], **data[key]}
    return found


def changed_keys(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Describe each key whose value differs, as "seed: 0 before, 1 now"."""
    before, now = _flatten(old), _flatten(new)
    return [
        f"{key}: {_plain(before.get(key))} before, {_plain(now.get(key))} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]


def _flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, dict):
        items = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list):
        items = [(str(i), value) for i, value in enumerate(data)]
    else:
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in items:
        name = f"{prefix}.{key}" if prefix else key
        if name == "init" and value not in STARTS:
            value = "a picture"
        if name not in FREE and not PATHS.fullmatch(name):
            flat.update(_flatten(value, name))
    return flat


def _plain(value: Any) -> str:
    return yaml.safe_dump(value).removesuffix("\n...\n").strip()
