"""results.csv: what a study measured, a row per cell."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfstyle.system.files import write_text

Row = Mapping[str, Any]


def write_table(
    path: Path, rows: Sequence[Row], columns: Iterable[str] | None = None
) -> None:
    """Write rows as CSV, whole or not at all.

    Args:
        path: of the file.
        rows: column to value; mappings and lists are written as JSON.
        columns: in their order; by default all that the rows have.
    """
    names = union(rows) if columns is None else list(columns)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _shown(value) for key, value in row.items()})
    write_text(path, text.getvalue())


def union(rows: Iterable[Iterable[str]]) -> list[str]:
    """Return all names, each where it first came."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, dict | list) else value
