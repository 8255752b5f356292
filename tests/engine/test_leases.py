"""The lease: who holds an item, for how long, and what a holder that lost it may still do."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from optimization.models import Activity, Run, RunState, WorkItem, WorkState
from optimization.runs.engine.leases import expire, fail, give_back, renew, settle, take
from tests.engine.rows import make_effect, make_item, make_run
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)


def taken(run: Run, limit: int = 10) -> list[WorkItem]:
    return take(kinds=["forward"], run_id=run.pk, limit=limit)


def lose(item: WorkItem) -> None:
    WorkItem.objects.filter(pk=item.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_taking_an_item_leases_it_and_raises_its_fence() -> None:
    run = make_run()
    make_item(make_effect(run))

    (item,) = taken(run)

    assert (item.state, item.fence) == (WorkState.LEASED, 1)
    assert taken(run) == []


def test_only_due_items_of_a_running_run_are_taken() -> None:
    run = make_run(state=RunState.PAUSED)
    item = make_item(make_effect(run))
    assert taken(run) == []

    Run.objects.update(state=RunState.RUNNING)
    WorkItem.objects.filter(pk=item.pk).update(due_at=Now() + timedelta(hours=1))
    assert taken(run) == []


def test_two_workers_at_once_never_hold_the_same_item() -> None:
    run = make_run()
    effect = make_effect(run)
    for index in range(40):
        make_item(effect, index)
    held: list[int] = []

    def worker() -> None:
        while items := taken(run, limit=3):
            held.extend(item.pk for item in items)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(held) == 40
    assert len(set(held)) == 40


def test_a_result_is_kept_only_under_the_fence_it_was_taken_with() -> None:
    run = make_run()
    make_item(make_effect(run))
    (late,) = taken(run)
    lose(late)
    expire()
    (holder,) = taken(run)

    assert settle(late, {"score": 0.0}) is False
    assert give_back(late) is False
    assert fail(late, "too late") is False
    assert settle(holder, {"score": 1.0}) is True
    assert WorkItem.objects.get().result == {"score": 1.0}


def test_a_heartbeat_keeps_the_lease_and_tells_what_was_lost_or_stopped() -> None:
    run, other = make_run(), make_run()
    make_item(make_effect(run))
    make_item(make_effect(other))
    (lost,), (stopped,) = taken(run), taken(other)
    lose(lost)
    expire()
    Run.objects.filter(pk=other.pk).update(state=RunState.CANCELLED)

    beat = renew([lost, stopped])

    assert beat.lost == {lost.pk}
    assert beat.stopped == {stopped.pk}


def test_an_expired_lease_makes_the_item_due_and_is_no_error_of_its_own() -> None:
    run = make_run()
    make_item(make_effect(run))
    (item,) = taken(run)
    assert expire() == 0

    lose(item)

    assert expire() == 1
    item.refresh_from_db()
    assert (item.state, item.errors, item.losses) == (WorkState.DUE, 0, 1)


def test_an_item_that_was_lost_twice_is_taken_alone() -> None:
    run = make_run()
    effect = make_effect(run)
    suspect = make_item(effect, 0, losses=2)
    make_item(effect, 1)

    (other,) = taken(run)
    assert other.pk != suspect.pk
    assert take(kinds=["forward"], run_id=run.pk, limit=10, alone=False) == []
    assert [item.pk for item in taken(run)] == [suspect.pk]


def test_an_item_that_ends_its_worker_again_and_again_stops_its_run_in_words() -> None:
    run = make_run()
    make_item(make_effect(run))
    for _ in range(7):  # two losses make it a suspect, five more are its own
        (item,) = taken(run)
        lose(item)
        sweep()

    run.refresh_from_db()
    assert run.state == RunState.NEEDS_ATTENTION
    assert f"The work item {item.pk} (forward) has ended its worker process 5 times" in run.reason
    assert taken(run) == []


def test_an_item_whose_holder_was_slow_and_lives_is_not_accused() -> None:
    run = make_run()
    make_item(make_effect(run))
    for _ in range(10):
        (item,) = taken(run)
        lose(item)
        sweep()
        assert renew([item]).lost == {item.pk}

    run.refresh_from_db()
    item.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert (item.losses, item.lone_losses) == (0, 0)


def test_a_run_that_only_waits_for_people_says_so_even_where_the_nudge_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said, unsaid = make_run(activity=Activity.PEOPLE), make_run(activity=Activity.MODELS)
    working = make_run(activity=Activity.MODELS)
    for run in (said, unsaid, working):
        make_item(make_effect(run), state=WorkState.WAITING)
    make_item(
        working.effects.get(), index=1, state=WorkState.LEASED, lease_until=Now() + timedelta(minutes=1)
    )
    nudged: list[int] = []
    monkeypatch.setattr("workers.sweeper.nudge_run", nudged.append)

    sweep()

    assert nudged == [unsaid.pk]
