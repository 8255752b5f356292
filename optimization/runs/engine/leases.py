"""The lease: one worker's hold on a work item, by the database's clock.

1. `take` moves due items to leased, raises their fence and starts a lease. Two workers never take the same one.
2. While it works, the holder calls `renew`; the answer says which leases it has lost and which runs were stopped.
3. Every result is written by `settle` or `give_back`, only where the fence is still the holder's.
4. `expire` returns what a dead worker held. A lost lease is no error of the item's, but one that was lost more than once
   is taken alone, so that an item which kills its worker becomes known by it (`poisonous`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Func, JSONField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Greatest, Now

from optimization.models import RunState, WorkItem, WorkState
from optimization.runs.engine.faults import fault
from optimization.runs.engine.reservations import reservations_settle

SUSPECT_LOSSES = 2
LONE_LOSSES_ALLOWED = 5


@dataclass(frozen=True)
class Heartbeat:
    """What the holder must know: items whose lease is no longer its own, and items whose run was stopped."""

    lost: frozenset[int]
    stopped: frozenset[int]


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def due(*, kinds: Iterable[str], run_id: int) -> QuerySet[WorkItem]:
    """The items of a running run that may be taken now."""
    return WorkItem.objects.filter(
        run_id=run_id,
        state=WorkState.DUE,
        kind__in=list(kinds),
        due_at__lte=Now(),
        run__state=RunState.RUNNING,
    )


def take(*, kinds: Iterable[str], run_id: int, limit: int, alone: bool = True) -> list[WorkItem]:
    """Up to `limit` due items of a running run, now leased to the caller.

    `alone` says that the caller has nothing else in the air: only then may it be given a suspect, one and no more.
    """
    fault("before_lease")
    with transaction.atomic():
        free = due(kinds=kinds, run_id=run_id).order_by("due_at", "id")
        if connection.features.has_select_for_update_skip_locked:
            free = free.select_for_update(skip_locked=True, of=("self",))
        ids = list(free.filter(losses__lt=SUSPECT_LOSSES).values_list("pk", flat=True)[:limit])
        suspect = not ids and alone
        if suspect:
            ids = list(free.values_list("pk", flat=True)[:1])
        if not ids:
            return []
        WorkItem.objects.filter(pk__in=ids, state=WorkState.DUE).update(
            state=WorkState.LEASED,
            fence=F("fence") + 1,
            lease_until=_lease_end(),
            alone=suspect,
        )
        items = list(WorkItem.objects.filter(pk__in=ids).select_related("effect").order_by("due_at", "id"))
    fault("after_lease")
    return items


def is_suspect(item: WorkItem) -> bool:
    """Whether the item's leases were lost so often that it is worked at alone."""
    return item.losses >= SUSPECT_LOSSES


def mine(item: WorkItem) -> Q:
    """The condition under which the holder of `item` may still write."""
    return Q(pk=item.pk, fence=item.fence, state=WorkState.LEASED)


def renew(items: Sequence[WorkItem]) -> Heartbeat:
    """Prolong the leases that are still the caller's. One that ran out under a living holder was not the item's doing."""
    rows = WorkItem.objects.filter(pk__in=[item.pk for item in items], state=WorkState.LEASED)
    now = {pk: (fence, state) for pk, fence, state in rows.values_list("pk", "fence", "run__state")}
    held = {item.pk for item in items if item.pk in now and now[item.pk][0] == item.fence}
    WorkItem.objects.filter(pk__in=held, state=WorkState.LEASED).update(lease_until=_lease_end())
    lost = frozenset(item.pk for item in items if item.pk not in held)
    _acquit([item for item in items if item.pk in lost])
    return Heartbeat(
        lost=lost,
        stopped=frozenset(pk for pk in held if now[pk][1] == RunState.CANCELLED),
    )


def _acquit(items: Sequence[WorkItem]) -> None:
    """Take back what `expire` counted: their holder was slow, or its machine asleep, and lives to say so."""
    for item in items:
        again = WorkItem.objects.filter(pk=item.pk, fence__gte=item.fence, losses__gt=item.losses)
        again.exclude(state=WorkState.DONE).update(
            losses=F("losses") - 1, lone_losses=Greatest(F("lone_losses") - int(item.alone), 0)
        )


def settle(item: WorkItem, result: Any) -> bool:
    """The item is done. False: the lease was lost, and the result is discarded."""
    return settle_all([(item, result)])[0]


@transaction.atomic(savepoint=False)
def settle_all(results: Sequence[tuple[WorkItem, Any]]) -> list[bool]:
    """`settle` for each, in two statements for all of them."""
    held = _held([item for item, _ in results])
    if held:
        stored = {
            item.pk: json.dumps(result) for item, result in results if item.pk in held and result is not None
        }
        WorkItem.objects.filter(pk__in=held).update(
            state=WorkState.DONE, result=_Entry(stored), settled=F("fence"), done_at=Now(), lease_until=None
        )
    return [item.pk in held for item, _ in results]


class _Entry(Func):
    """Each row's own JSON, out of one object by primary key: to write a CASE of as many branches takes four times as long."""

    output_field = JSONField()

    def __init__(self, stored: Mapping[int, str]) -> None:
        super().__init__(Value(dict(stored), JSONField()), Cast("pk", TextField()))

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)::jsonb", arg_joiner=" ->> ")

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        path = ", '$.\"' || "
        return self.as_sql(
            compiler, connection, template="JSON_EXTRACT(%(expressions)s || '\"')", arg_joiner=path
        )


def _held(items: Sequence[WorkItem]) -> frozenset[int]:
    """Those of the items, by primary key, that are still the caller's; they stay so for its transaction."""
    rows = WorkItem.objects.select_for_update().filter(
        pk__in=[item.pk for item in items], state=WorkState.LEASED
    )
    fences = dict(rows.order_by("pk").values_list("pk", "fence"))
    return frozenset(item.pk for item in items if fences.get(item.pk) == item.fence)


def give_back(item: WorkItem, *, delay: float = 0.0, error: str = "", counts: bool = False) -> bool:
    """The item is due again after `delay` seconds. `counts`: it raised, and its capped count of errors grows."""
    changes: dict[str, Any] = {
        "state": WorkState.DUE,
        "due_at": Now() + timedelta(seconds=delay),
        "lease_until": None,
    }
    if error:
        changes["last_error"] = error
    if counts:
        changes["errors"] = F("errors") + 1
    return bool(WorkItem.objects.filter(mine(item)).update(**changes))


def fail(item: WorkItem, error: str) -> bool:
    """The item is given up: its example counts as an error."""
    return bool(
        WorkItem.objects.filter(mine(item)).update(
            state=WorkState.FAILED,
            last_error=error,
            errors=F("errors") + 1,
            settled=item.fence,
            done_at=Now(),
            lease_until=None,
        )
    )


def expire() -> int:
    """Return the items of holders that have not renewed in time. Harmless at any time, from anywhere."""
    lost = WorkItem.objects.filter(state=WorkState.LEASED, lease_until__lt=Now())
    back: dict[str, Any] = {
        "state": WorkState.DUE,
        "due_at": Now(),
        "losses": F("losses") + 1,
        "lease_until": None,
    }
    with transaction.atomic():
        reservations_settle(lost)
        settled = lost.filter(calls_out=0)
        alone = settled.filter(alone=True).update(lone_losses=F("lone_losses") + 1, **back)
        return alone + settled.update(**back)


def poisonous() -> QuerySet[WorkItem]:
    """Due items that have ended their worker, alone, as often as is allowed."""
    return WorkItem.objects.filter(
        state=WorkState.DUE, lone_losses__gte=LONE_LOSSES_ALLOWED, run__state=RunState.RUNNING
    )
