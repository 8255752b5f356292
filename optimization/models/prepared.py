"""Statements of the hot paths, compiled once.

1. Writing a query as SQL costs the ORM several times what the database needs to answer it. A prepared statement is
   written as every other, and compiled the first time that a thread asks it; from then on only its parameters are filled
   in.
2. PostgreSQL is given the parameters apart from the statement, and so parses and plans it once a connection, not once a
   call (psycopg's `prepare_threshold`). Behind a pooler that gives each transaction another connection, settings switch
   that off; what is saved then is the ORM's part alone.
3. It goes the ORM's own way to SQL and back, by parts of Django that are not public: `tests/feedback/test_prepared.py` holds
   each kind against the query it was made of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import DeleteQuery, InsertQuery, UpdateQuery

M = TypeVar("M", bound=Model)
Params = list[tuple[str | None, Any]]
STAND_INS = 2**30
"""Within the range of a PositiveIntegerField: of a number outside it Django knows that no row has it."""


class _PerThread(Generic[M]):
    """Something compiled for the thread's connection, and kept as long as that is."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def _compile(self, connection: Any) -> Any:
        raise NotImplementedError

    def _compiled(self) -> Any:
        connection = connections[DEFAULT_DB_ALIAS]
        kept: tuple[Any, Any] | None = getattr(self._kept, "compiled", None)
        if kept is None or kept[0] is not connection:
            kept = self._kept.compiled = (connection, self._compile(connection))
        return kept[1]


class _Statement(_PerThread[M]):
    """`make` is given a stand-in for each of `names` and gives the query.

    The stand-ins are whole numbers, or texts for names that end in `_text`; a parameter must not decide the query's shape.
    """

    def __init__(self, make: Callable[..., QuerySet[M]], *names: str) -> None:
        super().__init__()
        self._make = make
        self._stand_ins: dict[Any, str] = {
            f"\x02{name}" if name.endswith("_text") else STAND_INS + place: name
            for place, name in enumerate(names)
        }

    def _query(self, rows: QuerySet[M]) -> Any:
        return rows.query

    def _compile(self, connection: Any) -> _Filled:
        rows = self._make(**{name: stand_in for stand_in, name in self._stand_ins.items()})
        compiler: Any = self._query(rows).get_compiler(using=DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        places = [(self._stand_in(param), param) for param in params]
        if lost := set(self._stand_ins.values()) - {name for name, _ in places}:
            raise ValueError(f"The statement does not keep {', '.join(sorted(lost))} as a parameter: {sql}")
        return _Filled(compiler, sql, places)

    def _stand_in(self, param: Any) -> str | None:
        return self._stand_ins.get(param) if isinstance(param, int | str) else None


class _Filled:
    """A statement with places for its parameters."""

    def __init__(self, compiler: Any, sql: str, params: Params) -> None:
        self.compiler = compiler
        self.sql = sql
        self.params = params

    def execute(self, cursor: Any, values: dict[str, Any]) -> None:
        filled = tuple(param if name is None else values[name] for name, param in self.params)
        cursor.execute(self.sql, filled)


class _Reader(Generic[M]):
    """Makes a query's rows into models, as Django's ModelIterable does; what is the same for all rows is found once."""

    def __init__(self, compiler: Any) -> None:
        chosen: Any = compiler.klass_info
        first, last = chosen["select_fields"][0], chosen["select_fields"][-1] + 1
        self._compiler = compiler
        self._model: Any = chosen["model"]
        self._own = slice(first, last)
        self._names = [column[0].target.attname for column in compiler.select[self._own]]
        populators: Any = get_related_populators
        self._related = populators(chosen, compiler.select, DEFAULT_DB_ALIAS)
        self._annotations: dict[str, int] = compiler.annotation_col_map or {}
        self._converters = compiler.get_converters([column[0] for column in compiler.select])

    def read(self, rows: Iterable[Sequence[Any]]) -> list[M]:
        if self._converters:
            rows = self._compiler.apply_converters(rows, self._converters)
        return [self._instance(row) for row in rows]

    def _instance(self, row: Sequence[Any]) -> M:
        instance: M = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._own])
        for related in self._related:
            related.populate(row, instance)
        for name, place in self._annotations.items():
            setattr(instance, name, row[place])
        return instance


class Prepared(_Statement[M]):
    """Calling it gives the rows."""

    def __call__(self, **values: Any) -> list[M]:
        filled, reader = self._compiled()
        with _cursor() as cursor:
            filled.execute(cursor, values)
            rows = cursor.fetchall()
        return reader.read(rows) if rows else []

    def first(self, **values: Any) -> M | None:
        rows = self(**values)
        return rows[0] if rows else None

    def _compile(self, connection: Any) -> Any:
        filled = super()._compile(connection)
        return filled, _Reader(filled.compiler)


class _Change(_Statement[M]):
    """Calling it gives how many rows it has changed."""

    def __call__(self, **values: Any) -> int:
        with _cursor() as cursor:
            self._compiled().execute(cursor, values)
            return int(cursor.rowcount)


class PreparedUpdate(_Change[M]):
    """Makes `changes` to the query's rows."""

    def __init__(self, make: Callable[..., QuerySet[M]], *names: str, **changes: Any) -> None:
        super().__init__(make, *names)
        self._changes = changes

    def _query(self, rows: QuerySet[M]) -> Any:
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(self._changes)
        return query


class PreparedDelete(_Change[M]):
    """Deletes the query's rows and nothing else: of a model that none refers to."""

    def _query(self, rows: QuerySet[M]) -> Any:
        return rows.query.chain(DeleteQuery)


class PreparedInsert(_PerThread[M]):
    """Calling it stores a new row and gives it its key; no signal of `save` is sent."""

    def __init__(self, model: type[M]) -> None:
        super().__init__()
        self._model = model
        self._fields = [field for field in model._meta.concrete_fields if not field.primary_key]

    def __call__(self, instance: M) -> M:
        compiler, sql = self._compiled()
        params = [
            compiler.prepare_value(field, compiler.pre_save_val(field, instance)) for field in self._fields
        ]
        with _cursor() as cursor:
            cursor.execute(sql, params)
            instance.pk = cursor.fetchone()[0]
        instance._state.adding, instance._state.db = False, DEFAULT_DB_ALIAS
        return instance

    def _compile(self, connection: Any) -> Any:
        query: Any = InsertQuery(self._model)
        query.insert_values(self._fields, [self._model()], raw=False)
        compiler: Any = query.get_compiler(using=DEFAULT_DB_ALIAS)
        compiler.returning_fields = [self._model._meta.pk]
        ((sql, _),) = compiler.as_sql()
        return compiler, sql


def _cursor() -> Any:
    """On PostgreSQL one that sends the parameters apart, which Django's own does not."""
    connection: Any = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    made: Any = ServerBindingCursor
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return connection._prepare_cursor(made(connection.connection))
