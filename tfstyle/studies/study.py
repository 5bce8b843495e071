"""What a study varies: a YAML file in, a grid of validated configs out.

    title: How much style
    base: configs/default.yaml            # what all cells share ...
    set: {size: 192}                      # ... but for these keys
    columns: {objective.style_weight: [5, 20, 80]}
    rows:
      - {label: photo, init: content}
      - {label: noise, init: noise}

An axis varies one key, whose values it lists, or lists cells, each with any number of
dotted keys and a label. A study has columns and, if it wants, rows.
"""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from tfstyle.config import Section, StyleConfig, load_config, locate, locate_paths
from tfstyle.config.messages import explain, short
from tfstyle.config.yaml_file import read_yaml
from tfstyle.jobs.job import Job

Overrides = Mapping[str, Any]
"""Dotted keys of a `StyleConfig` and their values."""

Measure = Literal[
    "psnr", "content_distance", "style_distance", "stroke_size", "total", "seconds"
]

MAX_CELLS = 1000
"""Runs of a study: a few lines could ask for millions."""


class StudyFile(Section):
    """The keys of a study's YAML file."""

    title: str = ""
    base: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    rows: Any = None
    columns: Any = None
    caption: Measure | None = None


@dataclass(frozen=True)
class Point:
    """One value of an axis: a label and what it sets."""

    label: str
    keys: Overrides


@dataclass(frozen=True)
class Cell:
    """One run of a study."""

    row: str
    column: str
    keys: Overrides  # what it sets, of both axes
    config: StyleConfig
    folder: str  # name of its run directory
    after: str | None = None  # run directory of the cell whose result it starts from

    @property
    def job(self) -> Job:
        """What is to be run."""
        return Job(self.folder, self.config, self.after)

    @property
    def title(self) -> str:
        """Its labels, in one line."""
        return f"{self.row} {self.column}".strip()


@dataclass(frozen=True)
class Study:
    """A grid of runs, checked as far as a config can be."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Cell]  # row by row
    caption: Measure | None
    measured: bool = True  # each result, by the measures of results.csv
    checked: bool = True  # a picture that cannot be used fails all before they begin


def load_study(
    path: str | os.PathLike[str],
    overrides: Overrides | None = None,
    axes: Mapping[str, Any] | None = None,
) -> Study:
    """Read a study's file.

    Args:
        path: of a study, or of an ordinary config if `axes` say what varies.
        overrides: keys that replace the base's and the study's own. Styles replace
            the values of an axis over `styles`.
        axes: "rows" and "columns" in place of the file's.

    Raises:
        ValueError: if a file, a key or a value is wrong, or an axis is empty.
    """
    data = read_yaml(path) or {}
    if not isinstance(data, Mapping):
        raise ValueError(
            f"study {path}: expected keys such as columns, not {short(data)}"
        )
    axes = {name: axis for name, axis in (axes or {}).items() if axis is not None}
    if axes and not StudyFile.model_fields.keys() & data.keys():
        data = {"base": str(path)}
    try:
        file = StudyFile.model_validate({**data, **axes})
        base = load_config(locate(file.base, path)) if file.base else StyleConfig()
        return make_study(file, locate_paths(base, path), path, overrides or {})
    except ValidationError as error:
        raise ValueError(f"study {path}: {explain(error, StudyFile)}") from error
    except ValueError as error:
        raise ValueError(f"study {path}: {error}") from error


def make_study(
    file: StudyFile, base: StyleConfig, path: str | os.PathLike[str], flags: Overrides
) -> Study:
    """Combine the axes into cells.

    Raises:
        ValueError: as in `load_study`.
    """
    rows, columns = read_axes(file, flags)
    base = base.with_overrides(file.set).with_overrides(flags)
    cells = [
        make_cell(number, row, column, base, path, flags)
        for number, (row, column) in enumerate(itertools.product(rows, columns))
    ]
    labels = [point.label for point in rows], [point.label for point in columns]
    return Study(file.title, *labels, cells, file.caption)


def make_cell(
    number: int,
    row: Point,
    column: Point,
    base: StyleConfig,
    path: str | os.PathLike[str],
    flags: Overrides,
) -> Cell:
    """Combine a row and a column into the cell of that number.

    Raises:
        ValueError: if what they set is wrong; the message has their labels.
    """
    keys = {**row.keys, **column.keys}
    # An axis over styles replaces them, with what flags said of each.
    again = {key: flags[key] for key in flags if key.startswith("styles.")}
    folder = folder_name(number, row.label, column.label)
    try:
        config = locate_paths(base.with_overrides({**keys, **again}), path)
    except ValueError as error:
        label = short(f"{row.label} {column.label}".strip())
        raise ValueError(f"{label}: {error}") from error
    return Cell(row.label, column.label, keys, config, folder)


def read_axes(file: StudyFile, flags: Overrides) -> tuple[list[Point], list[Point]]:
    """Return the rows, one without a label if there are none, and the columns.

    Raises:
        ValueError: if there are no columns, or too many cells.
    """
    if file.columns is None:
        raise ValueError(
            "no columns; name a key and its values, as in columns: "
            "{objective.style_weight: [5, 20, 80]}"
        )
    columns = read_axis("columns", file.columns, flags)
    rows = [Point("", {})]
    if file.rows is not None:
        rows = read_axis("rows", file.rows, flags)
    if len(rows) * len(columns) > MAX_CELLS:
        raise ValueError(
            f"{len(rows)} rows of {len(columns)} columns; a study has at most "
            f"{MAX_CELLS} runs"
        )
    return rows, columns


def read_axis(name: str, axis: Any, flags: Overrides) -> list[Point]:
    """Read one axis in either form.

    Raises:
        ValueError: if it has neither form, or no values.
    """
    if isinstance(axis, Mapping) and len(axis) == 1:
        ((key, values),) = axis.items()
        return read_values(name, str(key), values, flags)
    if isinstance(axis, list) and axis:
        return [read_point(name, entry) for entry in axis]
    raise ValueError(
        f"{name} is {short(axis)}; give one key with a list of values, or a list "
        "of mappings with a label and keys"
    )


def read_values(name: str, key: str, values: Any, flags: Overrides) -> list[Point]:
    """Read an axis that varies one key; flags may name other styles.

    Raises:
        ValueError: if it has no values.
    """
    if key == "styles" and "styles" in flags:
        values = [[style] for style in flags["styles"]]
    if not isinstance(values, list) or not values:
        raise ValueError(
            f"{name}: {short(key)} has {short(values)}; give a list of at least "
            "one value"
        )
    return [Point(label_of(key, value), {key: value}) for value in values]


def read_point(name: str, entry: Any) -> Point:
    """Read one entry of an axis that lists cells.

    Raises:
        ValueError: if it has no label.
    """
    if not isinstance(entry, Mapping) or "label" not in entry:
        raise ValueError(
            f"{name}: {short(entry)} has no label; write {{label: ..., KEY: VALUE}}"
        )
    keys = {str(key): value for key, value in entry.items() if key != "label"}
    return Point(str(entry["label"]), keys)


def label_of(key: str, value: Any) -> str:
    """Return a short label, such as "style_weight 20" or a painting's file name."""
    if key == "styles" and isinstance(value, list):  # else it is refused later
        styles = [style for style in value if isinstance(style, Mapping)]
        return " + ".join(Path(str(style.get("path"))).stem for style in styles)
    last = key.rpartition(".")[2]
    if last in ("content_layers", "style_layers") and isinstance(value, Mapping):
        return ", ".join(str(name) for name in value)
    return f"{last} {value:g}" if isinstance(value, float) else f"{last} {value}"


def folder_name(number: int, *labels: str) -> str:
    """Return "03_noise_style_weight_20": in order, and safe on every system."""
    words = re.findall(r"[^\W_]+", " ".join(labels))
    return "_".join([f"{number + 1:02}", *words])[:60]
