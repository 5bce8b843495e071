"""What people read when an option is wrong: one line, short, and with a way out."""

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

SHAPES = ("model_type", "dict_type", "list_type", "too_short")
"""Pydantic's names for what has another shape than the option."""


MARKS = ("[key]", "[one]", "[each]")
"""Parts of a place that no config has: pydantic's, and those of `types.Weights`."""


RENAMED = {
    "content.recolor": "color_strength: write color_strength=1 for true, 0 for false",
}
"""Keys of earlier versions, and what stands in their place."""


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say the first of pydantic's complaints about a `model` in one line."""
    first = error.errors()[0]
    key = ".".join(_cut(str(part)) for part in first["loc"] if part not in MARKS)
    if first["type"] == "extra_forbidden" and key in RENAMED:
        text = f"{key} is now {RENAMED[key]}"
    elif first["type"] == "extra_forbidden":
        text = f"{key or repr(key)} is not a known key{_known(model, first['loc'])}"
    elif first["type"] in SHAPES and (example := _example(model, first["loc"])):
        text = f"{key} is {short(first['input'])}: write it as in {example}"
    elif first["type"] == "invalid_key":
        text = f"the key {key}: Keys should be strings"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        reason = reason.replace("Input should be", "it should be")
        came = (
            "" if isinstance(first["input"], dict) else f" is {short(first['input'])}"
        )
        text = f"{key}{came}: {reason}"
    more = error.error_count() - 1
    return one_line(text) + (f" (and {more} more)" if more else "")


def _known(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """Return the way from an unknown key to the one that was meant, in any section."""
    *outer, name = location
    here = _section(model, outer)
    names = {each: each for each in here.model_fields}
    for section, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(
            field.annotation, BaseModel
        ):
            for each in field.annotation.model_fields:
                names.setdefault(each, f"{section}.{each}")
    matches = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if not matches:
        return f"; the keys here are {', '.join(here.model_fields)}"
    return f"; did you mean {names[matches[0]]}?"


def _section(model: Any, location: Sequence[int | str]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, str):
            model = model.model_fields[part].annotation
        else:  # an index into a list such as styles
            model = model.__args__[0]
    section: type[BaseModel] = model
    return section


def _example(model: Any, location: Sequence[int | str]) -> str:
    """Return what may stand at a location that has keys or a list."""
    example = ""
    for part in location:
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            break
        field = fields[part]
        model = field.annotation
        inner = getattr(model, "model_fields", {})
        defaults = {name: each.default for name, each in inner.items()}
        keys = [f"{name}: {value}" for name, value in defaults.items() if value]
        example = str((field.examples or [f"{{{keys[0]}}}" if keys else ""])[0])
    return example


def short(value: Any) -> str:
    """Return what a value looks like, in at most 60 characters."""
    try:
        return _cut(repr(value))
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a huge number"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def one_line(text: str) -> str:
    """Return it on one line, with escapes for what no screen would show."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.splitlines())
    )
