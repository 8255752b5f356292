"""What a killed worker had set aside of a budget is settled when its lease ends; no kill eats a budget."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db.models import Sum
from django.db.models.functions import Now

from optimization.models import Call, Run, WorkItem
from optimization.runs.engine.leases import expire, take
from optimization.runs.work.budget import Left, Reserve, Settle
from tests.engine.rows import make_effect, make_item, make_run
from tests.feedback.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    return make_run(budget=1)


def held(run: Run, *, items: int = 1) -> list[WorkItem]:
    effect = make_effect(run)
    for index in range(items):
        make_item(effect, index)
    return take(kinds=["forward"], run_id=run.pk, limit=items)


def reserve(item: WorkItem, dollars: float) -> Left | None:
    (left,) = Reserve.apply([Reserve(item.run_id, item, dollars)])
    return left


def settle(item: WorkItem, reserved: float, spent: float) -> None:
    Settle.apply([Settle(item.run_id, item, reserved, spent)])


def dies(item: WorkItem) -> None:
    WorkItem.objects.filter(pk=item.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert expire() == 1


def money(run: Run) -> tuple[float, float]:
    run.refresh_from_db()
    aside = WorkItem.objects.filter(run=run).aggregate(aside=Sum("set_aside"))["aside"]
    assert aside == pytest.approx(run.reserved)
    return run.spent, run.reserved


def has_cost(run: Run, cost: float) -> None:
    Call.objects.create(run=run, key=f"k{cost}", iteration=0, alias="a", digest="d", request={}, cost=cost)


def test_a_call_is_set_aside_under_its_items_lease_and_settled(run: Run) -> None:
    (item,) = held(run)
    assert reserve(item, 0.4) is None
    assert money(run) == (0, pytest.approx(0.4))
    settle(item, 0.4, 0.1)
    assert money(run) == (pytest.approx(0.1), 0)


def test_workers_at_once_cannot_set_aside_more_than_the_budget(run: Run) -> None:
    items = held(run, items=8)
    left = at_once([partial(reserve, item, 0.3) for item in items])
    assert left.count(None) == 3
    assert money(run) == (0, pytest.approx(0.9))


def test_calls_of_a_dead_worker_are_charged_at_what_calls_have_cost(run: Run) -> None:
    (item,) = held(run)
    has_cost(run, 0.01)
    has_cost(run, 0.03)
    for _ in range(2):
        assert reserve(item, 0.4) is None
    assert reserve(item, 0.4) is not None

    dies(item)

    assert money(run) == (pytest.approx(0.04), 0)
    (again,) = take(kinds=["forward"], run_id=run.pk, limit=1)
    assert reserve(again, 0.4) is None


def test_they_are_charged_at_the_most_where_nothing_has_cost_anything_yet(run: Run) -> None:
    (item,) = held(run)
    reserve(item, 0.4)
    dies(item)
    assert money(run) == (pytest.approx(0.4), 0)


def test_who_lost_its_lease_and_lives_takes_nothing_from_what_others_set_aside(run: Run) -> None:
    slow, other = held(run, items=2)
    has_cost(run, 0.01)
    reserve(slow, 0.3)
    reserve(other, 0.3)
    dies(slow)
    (again,) = take(kinds=["forward"], run_id=run.pk, limit=1)
    reserve(again, 0.2)

    settle(slow, 0.3, 0.05)

    assert money(run) == (pytest.approx(0.06), pytest.approx(0.5))


def test_twenty_deaths_leave_the_budget_to_those_who_live(run: Run) -> None:
    has_cost(run, 0.001)
    held(run)
    for _ in range(20):
        item = WorkItem.objects.get(run=run)
        assert reserve(item, 0.5) is None
        dies(item)
        WorkItem.objects.update(losses=0)
        take(kinds=["forward"], run_id=run.pk, limit=1)
    assert money(run) == (pytest.approx(0.02), 0)
