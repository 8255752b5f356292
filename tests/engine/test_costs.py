"""What the engine asks of its database and of its loop, counted: as much for many as for one, and late as early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from optimization.models import (
    Activity,
    Call,
    Effect,
    FeedbackRequest,
    Iteration,
    Run,
    Step,
    WorkItem,
    WorkState,
)
from optimization.runs.engine.advance import advance
from optimization.runs.engine.leases import take
from optimization.runs.work.calls import SaveCall
from optimization.runs.work.settling import Finish
from optimization.runs.work.sheet import sheets_read
from optimization.runs.work.writer import Writer
from tests.engine.rows import make_effect, make_item, make_run
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)


def statements(deed: Callable[[], object]) -> int:
    """How many the deed takes."""
    with CaptureQueriesContext(connection) as asked:
        deed()
    return len(asked)


def due(count: int) -> Run:
    effect = make_effect(make_run())
    for index in range(count):
        make_item(effect, index)
    return effect.run


def held(count: int) -> list[WorkItem]:
    return take(kinds=["forward"], run_id=due(count).pk, limit=count)


def test_many_items_are_taken_and_laid_out_in_as_many_statements_as_one() -> None:
    def work_at(run: Run, count: int) -> None:
        assert len(sheets_read(take(kinds=["forward"], run_id=run.pk, limit=64))) == count

    one, many = due(1), due(40)

    assert statements(lambda: work_at(one, 1)) == statements(lambda: work_at(many, 40))


def test_many_results_are_stored_in_as_many_statements_as_one() -> None:
    def store(items: list[WorkItem]) -> None:
        assert Finish.apply([Finish(item, {"score": item.index}) for item in items]) == [True] * len(items)

    one, many = held(1), held(40)

    assert statements(lambda: store(one)) == statements(lambda: store(many))
    assert [item.result["score"] for item in WorkItem.objects.filter(pk__in=[i.pk for i in many])] == list(
        range(40)
    )


def test_many_responses_are_stored_in_as_many_statements_as_one() -> None:
    def store(items: list[WorkItem]) -> None:
        SaveCall.apply(
            [
                SaveCall(Call(run_id=i.run_id, item=i, iteration=0, key=f"{i.pk}", request={}, digest="d"))
                for i in items
            ]
        )

    one, many = held(1), held(40)

    assert statements(lambda: store(one)) == statements(lambda: store(many))


async def test_a_batch_that_is_stored_wakes_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, writer, woken = asyncio.get_running_loop(), Writer(gather_seconds=0.05), 0
    wake = loop.call_soon_threadsafe

    def count(*arguments: Any, **options: Any) -> asyncio.Handle:
        nonlocal woken
        woken += 1
        return wake(*arguments, **options)

    items = await asyncio.to_thread(held, 20)
    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    assert all(await asyncio.gather(*(writer.write(Finish(item, {})) for item in items)))

    assert woken == 1
    monkeypatch.undo()
    await asyncio.to_thread(writer.close)


def test_advance_asks_as_much_after_a_hundred_iterations_as_after_ten(launch: Callable[..., Run]) -> None:
    early, late = launch(iterations=1000), launch(iterations=1000)
    live_through(early, 10)
    live_through(late, 100)

    assert statements(lambda: advance(early.pk)) == statements(lambda: advance(late.pk))
    assert {run.iteration for run in Run.objects.all()} == {10, 100}


def live_through(run: Run, iterations: int) -> None:
    """Rows as the engine leaves them, an effect with an item and a step each."""
    span, candidate = range(iterations), run.candidates.get()
    Iteration.objects.bulk_create(
        Iteration(run=run, number=n, state=run.trainer_state, started_at=Now(), finished_at=Now())
        for n in span
    )
    effects = Effect.objects.bulk_create(
        Effect(run=run, iteration=n, ordinal=0, kind="forward", digest="x", done_at=Now()) for n in span
    )
    for effect in effects:
        make_item(effect, state=WorkState.DONE)
    Step.objects.bulk_create(
        Step(run=run, iteration=n, candidate=candidate, previous=candidate) for n in span
    )
    state = {**run.trainer_state, "iteration": iterations}
    Run.objects.filter(pk=run.pk).update(iteration=iterations, trainer_state=state)


def test_runs_that_wait_for_people_cost_the_sweeper_no_statement() -> None:
    def wait(count: int) -> None:
        for _ in range(count):
            run = make_run(activity=Activity.PEOPLE)
            item = make_item(make_effect(run), state=WorkState.WAITING)
            FeedbackRequest.objects.create(
                workspace=run.workspace, run=run, item=item, key="q", iteration=0, kind="rubric", question={}
            )
        sweep()  # their questions are put in order once

    wait(1)
    one = statements(sweep)
    wait(30)

    assert statements(sweep) == one
