"""What chaos has counted, in one table: at the end of a test run, and of all that `make chaos` ran.

python -m tests.chaos.counts        prints what the test runs wrote into the file of HANDGRAD_CHAOS_COUNTS
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from rich.console import Console
from rich.table import Table

PROPERTY = "chaos"
FILE = "HANDGRAD_CHAOS_COUNTS"


class Row(NamedTuple):
    database: str
    what: str
    counts: dict[str, object]


def row_of(what: str, counts: dict[str, object]) -> Row:
    """On the database of this test run."""
    sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    return Row("SQLite" if sqlite else "PostgreSQL", what, counts)


def rows_of(reports: Iterable[object]) -> list[Row]:
    """What the tests recorded, in whichever process they ran."""
    return [
        Row(*value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, value in report.user_properties
        if name == PROPERTY
    ]


def report(rows: Iterable[Row]) -> None:
    """Print the table, and keep the rows for the one at the very end."""
    if not (rows := list(rows)):
        return
    _show(rows)
    if file := os.environ.get(FILE):
        with Path(file).open("a") as kept:
            kept.writelines(f"{json.dumps(row)}\n" for row in rows)


def _show(rows: Iterable[Row]) -> None:
    table = Table("database", "what was done", "counted", title="Chaos")
    for row in sorted(rows, key=lambda row: row[:2]):
        table.add_row(row.database, row.what, ", ".join(f"{name} {n}" for name, n in row.counts.items()))
    Console(width=170).print(table)


if __name__ == "__main__":
    _show(Row(*json.loads(line)) for line in Path(os.environ[FILE]).read_text().splitlines())
