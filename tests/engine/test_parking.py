"""Parking: an item whose questions go to people, and what happens to the run meanwhile."""

from __future__ import annotations

import pytest
from django.db import transaction

from optimization.losses.questions import FeedbackQuestion
from optimization.models import FeedbackRequest, RunState, WorkItem, WorkState
from optimization.runs.engine.leases import take
from optimization.runs.work.settling import Park
from tests.engine.rows import make_effect, make_item, make_run

pytestmark = pytest.mark.django_db(transaction=True)


def park(state: RunState) -> WorkItem:
    """Take the item of a run, and park it once the run is in `state`."""
    run = make_run()
    make_item(make_effect(run))
    (item,) = take(kinds=["forward"], run_id=run.pk, limit=1)
    type(run).objects.filter(pk=run.pk).update(state=state)
    with transaction.atomic():
        Park.apply([Park(item, {"a key": FeedbackQuestion(criteria="Is it right?", output="Yes.")})])
    item.refresh_from_db()
    return item


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED, RunState.NEEDS_ATTENTION])
def test_its_questions_go_to_people(state: RunState) -> None:
    assert park(state).state == WorkState.WAITING
    assert FeedbackRequest.objects.count() == 1


def test_nobody_is_asked_for_a_run_that_was_cancelled_in_between() -> None:
    assert park(RunState.CANCELLED).state == WorkState.WAITING
    assert not FeedbackRequest.objects.exists()
