"""The constraints that the database itself must hold: a dump restored without them would let everything happen twice."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import connection, models
from django.db.models import Count, QuerySet

from optimization.models import Run
from optimization.runs.doctor.findings import Finding

_STATEMENTS = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
_NAMES = """
    SELECT '"' || conname || '"' FROM pg_constraint UNION ALL SELECT '"' || indexname || '"' FROM pg_indexes
"""


def constraints(runs: QuerySet[Run]) -> Iterator[Finding]:
    """Not of single runs: of the tables."""
    held = _held()
    for model in apps.get_app_config("optimization").get_models():
        for wanted in model._meta.constraints:
            if f'"{wanted.name}"' not in held:
                yield Finding(
                    f"The table of {model._meta.verbose_name_plural} lacks the constraint {wanted.name}"
                    f"{_twice(model, wanted)}. Stop the workers, remove what breaks it, and restore it from the schema."
                )


def _held() -> str:
    """What the database says of its constraints and indexes; their names stand in it in double quotes."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS if connection.vendor == "sqlite" else _NAMES)
        return "\n".join(row[0] for row in cursor.fetchall())


def _twice(model: type[models.Model], wanted: models.BaseConstraint) -> str:
    """How often what must be unique is there more than once."""
    if not isinstance(wanted, models.UniqueConstraint) or not wanted.fields:
        return ""
    rows = model._default_manager.all()
    if wanted.condition is not None:
        rows = rows.filter(wanted.condition)
    repeated = rows.order_by().values(*wanted.fields).annotate(rows=Count("pk")).filter(rows__gt=1).count()
    return (
        f", and {repeated} of its keys ({', '.join(wanted.fields)}) are there more than once"
        if repeated
        else ""
    )
