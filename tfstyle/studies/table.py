"""results.csv: what a study measured, a row per cell."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfstyle.system.files import write_text

Row = Mapping[str, Any]


def write_table(path: Path, rows: Sequence[Row], last: Sequence[str] = ()) -> None:
    """Write rows as CSV, whole or not at all.

    Args:
        path: of the file.
        rows: column to value; mappings and lists are written as JSON.
        last: columns that stand after the others, and are there in any case.
    """
    first = dict.fromkeys(key for row in rows for key in row if key not in last)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*first, *last], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _shown(value) for key, value in row.items()})
    write_text(path, text.getvalue())


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, dict | list) else value
