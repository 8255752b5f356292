"""Many new rows at once: on PostgreSQL by COPY, which is given them as they are.

For an INSERT of many rows Django hands over a list for each column, and to quote those lists takes as long as all the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import AutoField, Model

M = TypeVar("M", bound=Model)


def rows_add(model: type[M], rows: Sequence[M]) -> None:
    """Store new rows. A key that the database gives is not read back, and no signal of `save` is sent."""
    connection: Any = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        model._base_manager.bulk_create(rows)
    elif rows:
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]
        quoted = connection.ops.quote_name
        columns = ", ".join(quoted(field.column) for field in fields)
        statement = f"COPY {quoted(model._meta.db_table)} ({columns}) FROM STDIN"
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(
                    [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
                )
