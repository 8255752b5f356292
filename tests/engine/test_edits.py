"""An edited answer in a run: counted again while its iteration still judges, with no call paid for twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.feedback.services import answer_edit
from optimization.models import Answer, Call, Run, WorkItem, WorkState
from tests.engine.conftest import RUBRIC
from tests.engine.loop import answer_one, work
from tests.engine.test_loop import strict
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
SUMMED_UP = {
    "name": "CompositeLoss",
    "args": {"losses": [[{"name": "HumanRubricLoss", "args": RUBRIC}, 1.0]], "aggregator": "default"},
}


def edited(body: dict[str, Any], answer: Answer) -> Answer:
    return answer_edit(answer=answer, user=answer.user, body=body)


@pytest.mark.parametrize(
    ("loss", "more_calls"), [({"name": "HumanRubricLoss", "args": RUBRIC}, 0), (SUMMED_UP, 1)]
)
def test_an_edit_is_read_while_others_are_still_judging(
    launch: Launch, annotator: User, process: Process, loss: dict[str, Any], more_calls: int
) -> None:
    run = launch(loss=loss, iterations=1)
    work(run, process)
    answer = answer_one(run, annotator, strict)
    work(run, process)
    item = WorkItem.objects.get(pk=answer.request.item_id)
    assert (item.state, item.result["score"]) == (WorkState.DONE, 0.0)
    calls = set(Call.objects.filter(run=run).values_list("key", "text"))

    edited({"score": 4, "improvements": ["Name the lamp"]}, answer)
    work(run, process)

    item.refresh_from_db()
    assert (item.state, item.result["score"]) == (WorkState.DONE, 0.75)
    after = set(Call.objects.filter(run=run).values_list("key", "text"))
    assert after >= calls
    new = [key for key, _ in after - calls]
    assert len(new) == more_calls
    told = [str(call.request) for call in Call.objects.filter(run=run, key__in=new)] or [str(item.result)]
    assert all("Name the lamp" in text for text in told)
