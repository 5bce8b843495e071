"""Many pictures as a study: every content with every style, or the rows of a table."""

import collections
import csv
import glob
import hashlib
import itertools
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfstyle.config import StyleConfig, parse_override
from tfstyle.config.messages import short
from tfstyle.jobs.perform import STYLES
from tfstyle.studies.study import Cell, Study

READ = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
RESERVED = (STYLES, "con", "prn", "aux", "nul", "com1", "lpt1")  # Windows' as well
MOST = 100_000  # runs: their configs are in memory, 10 kB each


def from_patterns(
    config: StyleConfig, contents: Sequence[str], styles: Sequence[str]
) -> Study:
    """Return a grid: a row for each content image, a column for each style image.

    Args:
        config: of all runs.
        contents: paths or patterns such as photos/*.jpg; ** stands for any folders.
        styles: likewise; if there are none, the config's own are those of all.

    Raises:
        ValueError: for a pattern that no picture matches.
    """
    rows = names(found("contents", contents, "photos/*.jpg"))
    columns = {"": ""}  # the config's own
    if styles or not config.styles:
        columns = names(found("styles", styles, "paintings/*"))
    if len(rows) * len(columns) > MOST:
        raise ValueError(f"{len(rows)} x {len(columns)} runs are more than {MOST}")
    pairs = [*itertools.product(rows.items(), columns.items())]
    folders = told_apart(
        (file_name(row, column), f"{_real(content)}\n{_real(style)}")
        for (content, row), (style, column) in pairs
    )
    cells = []
    for ((content, row), (style, column)), folder in zip(pairs, folders, strict=True):
        keys: dict[str, Any] = {"content.path": content}
        if style:
            keys["styles"] = [_style(config, style)]
        cells.append(Cell(row, column, {}, config.with_overrides(keys), folder))
    return _study([*rows.values()], [*columns.values()], cells)


def from_table(config: StyleConfig, path: str) -> Study:
    """Return a run for each row of a CSV file.

    Its columns are content, style, and if wanted name (of the run directory) and any
    config keys, such as objective.style_weight; an empty field changes nothing.

    Raises:
        ValueError: for a bad file, column or value; it names the line.
    """
    rows = _rows(path)
    again = collections.Counter(_folded(_name(row)) for _, row in rows)
    cells, lines = [], dict[str, int]()
    for line, row in rows:
        name = _name(row)
        if (
            again[_folded(name)] > 1 and "name" not in row
        ):  # told apart by what is in the row
            name = file_name(name, _digest(repr(sorted(row.items()))))
        if _folded(name) in lines:
            raise ValueError(
                f"{path}, line {line}: it has the name of line {lines[_folded(name)]}, "
                f"{name}; drop one, or give them others in a column name"
            )
        lines[_folded(name)] = line
        try:
            own = config.with_overrides(_overrides(config, row))
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from error
        cells.append(Cell(name, "", {}, own, name))
    return _study([cell.row for cell in cells], [""], cells)


def _study(rows: list[str], columns: list[str], cells: list[Cell]) -> Study:
    return Study("", rows, columns, cells, None, measured=False, checked=False)


def _style(config: StyleConfig, path: str) -> Mapping[str, Any]:
    """Return a style with the options of the config's first."""
    own = config.styles[0].model_dump() if config.styles else {}
    return {**own, "path": path}


def found(flag: str, patterns: Sequence[str], example: str) -> list[str]:
    """Return the pictures that patterns match, each once.

    Raises:
        ValueError: if one matches none, or there is none.
    """
    if not patterns:
        raise ValueError(f"no --{flag}; give --{flag} {example!r}")
    paths: list[str] = []
    for pattern in map(os.path.expanduser, patterns):
        matches = sorted(glob.glob(pattern, recursive=True))
        if os.path.isfile(pattern):  # brackets in its name are no pattern
            matches = [pattern]
        pictures = [
            each
            for each in matches
            if Path(each).suffix.lower() in READ and Path(each).is_file()
        ]
        if not pictures:
            raise ValueError(
                f"--{flag} {pattern!r} matches no picture ({', '.join(READ)}); check "
                "the path, and put patterns in quotes"
            )
        paths += pictures
    once: dict[str, str] = {}
    for path in paths:
        once.setdefault(_real(path), path)
    return [*once.values()]


def names(paths: Iterable[str]) -> dict[str, str]:
    """Return a short name for each path: its file's, told apart if several have it."""
    paths = list(paths)
    own = ((file_name(Path(path).stem), _real(path)) for path in paths)
    return dict(zip(paths, told_apart(own), strict=True))


def told_apart(named: Iterable[tuple[str, str]]) -> list[str]:
    """Return names of which no file system takes two for one.

    Args:
        named: a name, and what it is the name of.
    """
    pairs = list(named)
    again = collections.Counter(_folded(name) for name, _ in pairs)
    return [
        f"{name}_{_digest(what)}" if again[_folded(name)] > 1 else name
        for name, what in pairs
    ]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _real(path: str) -> str:
    return os.path.realpath(path) if path else ""


def file_name(*parts: str) -> str:
    """Return a name that is safe on every system, such as "harbour_wave"."""
    words = re.findall(r"[^\W_]+", " ".join(parts))
    whole = "_".join(words) or "picture"
    if whole.lower() in RESERVED:
        whole += "_"  # which no other name ends with
    return whole if len(whole) <= 80 else f"{whole[:70]}_{_digest(whole)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def _rows(path: str) -> list[tuple[int, dict[str, str]]]:
    """Return the lines and rows of a table, without empty fields.

    Raises:
        ValueError: if it cannot be read, or has no content column or no row.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", strict=True)
            rows = [
                (reader.line_num, {k: v for k, v in row.items() if v}) for row in reader
            ]
            columns = reader.fieldnames or []
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"--pairs {path} cannot be read: {reason}") from error
    if "content" not in columns:
        raise ValueError(
            f"--pairs {path} has the columns {short([*columns])}; its first line "
            "should name content, style and any config keys"
        )
    if len(set(columns)) < len(columns) or "content.path" in columns:
        raise ValueError(
            f"--pairs {path} has the columns {short([*columns])}: each once, and "
            "content without .path"
        )
    if not 0 < len(rows) <= MOST:
        raise ValueError(
            f"--pairs {path} has {len(rows)} rows; give one for each run, up to {MOST}"
        )
    for line, row in rows:
        if "" in row or "content" not in row:
            what = "more fields than columns" if "" in row else "no content"
            raise ValueError(f"--pairs {path}, line {line} has {what}; mend it")
    return rows


def _name(row: Mapping[str, str]) -> str:
    if "name" in row:
        return file_name(row["name"])
    return file_name(Path(row["content"]).stem, Path(row.get("style", "")).stem)


def _overrides(config: StyleConfig, row: Mapping[str, str]) -> dict[str, Any]:
    """Return the config keys of a row.

    Raises:
        ValueError: if a file is not there.
    """
    for path in (row[key] for key in ("content", "style") if key in row):
        if not Path(path).expanduser().is_file():
            raise ValueError(f"there is no file {path}; check the path")
    own: dict[str, Any] = {"content.path": row["content"]}
    if "style" in row:
        own["styles"] = [_style(config, row["style"])]
    keys = [key for key in row if key not in ("content", "style", "name")]
    for key in sorted(keys, key=lambda key: key.count(".")):  # wholes before parts
        own |= dict([parse_override(f"{key}={row[key]}")])
    return own
