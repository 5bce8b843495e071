"""YAML as plain data, without what no config needs and an attack would use."""

import errno
import os
import stat
from typing import Any

import yaml

from tfstyle.config.messages import one_line, short

MAX_BYTES = 2**18
"""Of a YAML file; those of tfstyle have 4000, and a huge one would take minutes."""

MAX_DEPTH = 32
"""Levels of nesting in YAML; a config needs 3, and Python's stack has an end."""

MAX_DIGITS = 1000
"""Characters of a number in YAML: reading it takes time that grows with the square."""


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file without duplicate keys or aliases, as plain data.

    Raises:
        ValueError: if it cannot be read or is not YAML.
    """
    try:
        return parse_yaml(_text(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
    except yaml.YAMLError as error:
        raise ValueError(
            one_line(f"config {path} is not valid YAML: {what_is_wrong(error)}")
        ) from error
    except ValueError as error:  # the path has a NUL character, or of `_text`
        reason = str(error)
    raise ValueError(
        one_line(f"config {path} cannot be read: {reason}")
        + "; give a YAML file such as configs/default.yaml"
    )


def _text(path: str | os.PathLike[str]) -> str:
    """Return the text of a small regular file: a pipe or a device may never end."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise ValueError("it is a pipe, a device or a socket, not a regular file")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes, too many for a config")
    return data.decode("utf-8")


def parse_yaml(text: str) -> Any:
    """Turn YAML into plain data.

    Raises:
        yaml.YAMLError: if it is not YAML, or YAML that no config needs.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError:
        raise
    # PyYAML lets through what Python says to a character such as "\U00110000", and
    # RecursionError where its caller left too little of the stack.
    except Exception as error:
        raise yaml.YAMLError(str(error)) from error


def what_is_wrong(error: yaml.YAMLError) -> str:
    """Return what is wrong and where, in one line."""
    text = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
    return one_line(text[:300]) or type(error).__name__


class _StrictLoader(yaml.SafeLoader):
    """YAML without duplicate keys (the last would win unseen) and without aliases.

    Aliases let a few lines grow to gigabytes; no config needs them.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not supported; repeat the value")
        if self._depth == MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} levels deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind in ("int", "float") and len(node.value) > MAX_DIGITS:
            raise yaml.YAMLError(
                f"a number of {len(node.value)} characters; {MAX_DIGITS} are allowed"
            )
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        # As above: "!!int x" is a ValueError, "!!bool x" a KeyError, and so on.
        except Exception as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"{short(node.value)} is no {kind}", node.start_mark
            ) from error

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            seen = set()
            for name in (self.construct_object(key) for key, _ in node.value):
                if name in seen:
                    raise yaml.YAMLError(
                        f"the key {short(name)} stands twice; keep one"
                    )
                seen.add(name)
        return mapping
