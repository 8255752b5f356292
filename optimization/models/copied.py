"""Many new rows at once: on PostgreSQL by COPY, which is given them as they are.

For an INSERT of many rows Django hands over a list for each column, and to quote those lists takes as long as all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import AutoField, Field, Model

M = TypeVar("M", bound=Model)


def rows_add(model: type[M], rows: Sequence[M]) -> None:
    """Store new rows. A key that the database gives is not read back, and no signal of `save` is sent."""
    if not _copies():
        model._base_manager.bulk_create(rows)
    elif rows:
        fields = _fields(model)
        _copy(model, ([_prepared(field, field.pre_save(row, True)) for field in fields] for row in rows))


def rows_like(pattern: Model, differing: Sequence[Mapping[str, Any]]) -> None:
    """Store new rows that are like the pattern but for the fields that each mapping names, the same in all of them."""
    model, fields = type(pattern), _fields(type(pattern))
    if not differing:
        return
    if not _copies():
        same = {field.attname: getattr(pattern, field.attname) for field in fields}
        model._base_manager.bulk_create([model(**same | dict(row)) for row in differing])
        return
    values = [_prepared(field, field.pre_save(pattern, True)) for field in fields]
    own = [(at, field, field.attname) for at, field in enumerate(fields) if field.attname in differing[0]]

    def laid_out() -> Iterable[list[Any]]:
        for row in differing:
            for at, field, name in own:
                values[at] = _prepared(field, row[name])
            yield values

    _copy(model, laid_out())


def _copies() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def _fields(model: type[Model]) -> list[Field[Any, Any]]:
    """Those of which the database does not give the value."""
    return [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]


def _prepared(field: Field[Any, Any], value: Any) -> Any:
    return field.get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])


def _copy(model: type[Model], rows: Iterable[Sequence[Any]]) -> None:
    connection: Any = connections[DEFAULT_DB_ALIAS]
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(field.column) for field in _fields(model))
    statement = f"COPY {quoted(model._meta.db_table)} ({columns}) FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
