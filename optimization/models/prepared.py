"""Queries of the hot paths, compiled once.

Writing a query as SQL costs the ORM several times what the database needs to answer it. A `Prepared` query is written as
every other, and compiled the first time that a thread asks it; from then on only its parameters are filled in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.sql import UpdateQuery

M = TypeVar("M", bound=Model)
Params = list[tuple[str | None, Any]]


class _Compiled(Generic[M]):
    """`make` is given a stand-in for each of `names` and gives the query.

    The stand-ins are whole numbers, or texts for names that end in `_text`; a parameter must not decide the query's shape.
    """

    def __init__(self, make: Callable[..., QuerySet[M]], *names: str) -> None:
        self._make = make
        self._stand_ins: dict[Any, str] = {
            f"\x02{name}" if name.endswith("_text") else -(2**30) - place: name
            for place, name in enumerate(names)
        }
        self._kept = threading.local()

    def _compiled(self) -> tuple[Any, Params]:
        """Kept for the thread, as connections are."""
        kept: tuple[Any, Params] | None = getattr(self._kept, "compiled", None)
        if kept is None or kept[0].connection is not connections[DEFAULT_DB_ALIAS]:
            kept = self._kept.compiled = self._compile()
        return kept

    def _query(self, rows: QuerySet[M]) -> Any:
        return rows.query

    def _compile(self) -> tuple[Any, Params]:
        rows = self._make(**{name: stand_in for stand_in, name in self._stand_ins.items()})
        compiler: Any = self._query(rows).get_compiler(using=DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        compiler.prepared_sql = sql
        return compiler, [(self._stand_in(param), param) for param in params]

    def _stand_in(self, param: Any) -> str | None:
        return self._stand_ins.get(param) if isinstance(param, int | str) else None


class Prepared(_Compiled[M]):
    """Calling it gives the rows."""

    def __call__(self, **values: Any) -> list[M]:
        compiler, params = self._compiled()
        filled = _filled(params, values)
        compiler.as_sql = lambda *_, **__: (compiler.prepared_sql, filled)
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        rows: Any = SimpleNamespace(db=compiler.using, query=query, _known_related_objects={})
        return list(ModelIterable(rows))

    def first(self, **values: Any) -> M | None:
        rows = self(**values)
        return rows[0] if rows else None


class PreparedUpdate(_Compiled[M]):
    """Calling it makes `changes` to the query's rows and gives how many they were."""

    def __init__(self, make: Callable[..., QuerySet[M]], *names: str, **changes: Any) -> None:
        super().__init__(make, *names)
        self._changes = changes

    def _query(self, rows: QuerySet[M]) -> Any:
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(self._changes)
        return query

    def __call__(self, **values: Any) -> int:
        compiler, params = self._compiled()
        with compiler.connection.cursor() as cursor:
            cursor.execute(compiler.prepared_sql, _filled(params, values))
            return int(cursor.rowcount)


def _filled(params: Params, values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(param if name is None else values[name] for name, param in params)
