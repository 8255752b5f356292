"""Pages of a list: each row keeps its place while others come and go, however deep the page lies."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from ninja import Schema
from pydantic import Field

from optimization.api.problems import Fault, Refusal

Out = TypeVar("Out")
Row = TypeVar("Row", bound=Model)

MOST = 200


class Page(Schema, Generic[Out]):
    """A page of items; `next` is the cursor of the page after it, null on the last."""

    items: list[Out]
    next: str | None = None


class Paging(Schema):
    """Query parameters of every list."""

    limit: int = Field(50, ge=1, le=MOST)
    cursor: str | None = Field(None, max_length=2000, description="The `next` of the page before.")


def page_of(
    rows: QuerySet[Row], paging: Paging, *, sort: str, fields: Mapping[str, str]
) -> tuple[list[Row], str | None]:
    """The rows after the cursor and the next cursor. `sort` is a name of `fields`, with a dash before it for descending;
    rows of equal value stand in the order of their ids. Raises Refusal for a cursor that this list did not give."""
    falls = sort.startswith("-")
    field = fields[sort.lstrip("-")]
    if paging.cursor is not None:
        value, pk = _read(paging.cursor, sort)
        further = "lt" if falls else "gt"
        try:
            rows = rows.filter(
                Q(**{f"{field}__{further}": value}) | Q(**{field: value, f"pk__{further}": pk})
            )
        except (TypeError, ValueError) as error:
            raise _unreadable() from error
    dash = "-" if falls else ""
    found = list(rows.order_by(f"{dash}{field}", f"{dash}pk")[: paging.limit + 1])
    shown = found[: paging.limit]
    if len(found) <= paging.limit:
        return shown, None
    return shown, _write(sort, getattr(shown[-1], field), shown[-1].pk)


def _write(sort: str, value: Any, pk: int) -> str:
    plain = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, plain, pk]).encode()).decode().rstrip("=")


def _read(cursor: str, sort: str) -> tuple[str | int, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        known, value, pk = json.loads(base64.b64decode(padded, altchars="-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise _unreadable() from error
    if not isinstance(pk, int) or not isinstance(value, str | int) or "\x00" in str(value):
        raise _unreadable()
    if known != sort:
        detail = f"The cursor belongs to the order {known}: begin again without it."
        raise Refusal(422, detail, [Fault(detail="of another order", parameter="cursor")])
    return value, pk


def _unreadable() -> Refusal:
    return Refusal(
        422,
        "The cursor is not one that this list gave: begin again without it.",
        [Fault(detail="not a cursor of this list", parameter="cursor")],
    )
