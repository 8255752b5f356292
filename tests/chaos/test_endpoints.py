"""An endpoint that does everything wrong at once: bounded retries, an error that is seen, a budget that holds."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from optimization.models import Call, Endpoint, Run, RunState, WorkItem, WorkState
from optimization.rehearsal.endpoint import Options
from optimization.runs.services import run_retry, run_set_budget
from optimization.runs.work.carry_out import ERRORS_ALLOWED
from tests.chaos.scale import tally, times
from tests.chaos.scene import Person, assert_nothing_lost_nothing_twice, counting, going, story
from tests.engine.loop import work
from workers.process import Process

pytestmark = [pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]
EVERYTHING = "429=0.02@0.1,500@0.1,hang=5@0.1,half-closed@0.1,cut-json@0.1,empty-choices@0.1,html@0.1"
RETRIES = 8


class Purse:
    """Looks at a run's dollars whenever something has been done."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.looks = 0

    def look(self) -> None:
        self.run.refresh_from_db()
        assert self.run.spent + self.run.reserved <= float(self.run.budget or 0) + 1e-9
        self.looks += 1


def go_on(run: Run, person: Person, process: Process, purse: Purse) -> None:
    """Work until the run stops, without the waits between attempts."""
    work(run, process)
    while going(run):
        person.answer(run)
        WorkItem.objects.filter(run=run, state=WorkState.DUE).update(due_at=F("created_at"))
        work(run, process)
        purse.look()


@pytest.mark.parametrize("budget", [Decimal("5"), Decimal("0.0045")], ids=["enough", "too little"])
def test_a_tenth_of_each_fault_at_once(
    budget: Decimal,
    begin: Callable[..., Run],
    person: Person,
    operator: User,
    process: Process,
    undisturbed: dict[str, Any],
) -> None:
    stops, looks, calls = 0, 0, 0
    with counting(Options(faults=EVERYTHING)) as endpoint:
        Endpoint.objects.update(
            timeout=0.2, max_retries=RETRIES, retry_delay=0.001, max_tokens=500, revision=F("revision") + 1
        )
        for _ in range(times(1, 20)):
            run = begin(budget=budget)
            purse = Purse(run)
            go_on(run, person, process, purse)
            while run.state == RunState.NEEDS_ATTENTION:
                assert "press Retry" in run.reason
                stops += 1
                if "budget" in run.reason:
                    run_set_budget(run=run, user=operator, budget=(run.budget or 0) + Decimal("0.05"))
                run_retry(run=run, user=operator)
                go_on(run, person, process, purse)

            assert run.state == RunState.FINISHED
            assert_nothing_lost_nothing_twice(run, person)
            assert story(run) == undisturbed
            stored = Call.objects.filter(run=run).count()
            assert endpoint.calls - calls <= stored * (RETRIES + 1) * ERRORS_ALLOWED * (stops + 1)
            calls, looks = endpoint.calls, looks + purse.looks
    assert stops or budget > 1, "too little money was enough"
    tally(
        f"Every fault at once, ${budget}",
        calls=calls,
        runs=times(1, 20),
        stopped_in_words=stops,
        budget=f"looked at {looks} times, never passed",
    )
