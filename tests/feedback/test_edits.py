"""An answer given another body: every version is kept, and what was counted stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.feedback.services import answer_edit, answer_submit, claim_next
from optimization.models import Answer, Tape, WorkItem, WorkState
from tests.feedback.scene import GOOD, Scene

BETTER = {"score": 5, "improvements": ["Say when"]}


@pytest.fixture
def given(scene: Scene, dana: User) -> Answer:
    scene.ask()
    held = claim_next(workspace=scene.workspace, user=dana)
    assert held is not None
    return answer_submit(
        request=held.request, user=dana, fence=held.fence, client_key="k", body=GOOD, seconds=9
    )


def settle(answer: Answer, **changes: Any) -> WorkItem:
    """As if a worker had read the answer and finished the item."""
    scene_run = answer.request.run
    Tape.objects.create(
        id="t", run=scene_run, iteration=0, candidate="c", split="train", example=0, record={}
    )
    WorkItem.objects.filter(pk=answer.request.item_id).update(
        state=WorkState.DONE, result={"tape": "t"}, done_at=timezone.now(), fence=2, **changes
    )
    return WorkItem.objects.get(pk=answer.request.item_id)


def versions(answer: Answer) -> list[tuple[int, float, float, bool]]:
    rows = answer.versions.order_by("number")
    return [(row.number, row.body["score"], row.seconds, row.late) for row in rows]


def test_while_the_effect_is_open_the_edit_counts_and_the_item_reads_it_again(given: Answer) -> None:
    settle(given)

    edited = answer_edit(answer=given, user=given.user, body=BETTER, seconds=4)

    assert edited.body["score"] == 5
    assert versions(given) == [(1, 4, 9, False), (2, 5, 4, False)]
    item = WorkItem.objects.get(pk=given.request.item_id)
    assert (item.state, item.result, item.done_at, item.reopened) == (WorkState.DUE, None, None, 1)
    assert not Tape.objects.exists()


def test_whoever_works_at_the_item_has_read_the_version_before_and_is_turned_away(given: Answer) -> None:
    WorkItem.objects.filter(pk=given.request.item_id).update(
        state=WorkState.LEASED, fence=2, lease_until=timezone.now()
    )
    answer_edit(answer=given, user=given.user, body=BETTER)
    assert WorkItem.objects.get(pk=given.request.item_id).state == WorkState.DUE


def test_after_the_effect_is_complete_what_was_counted_stays(given: Answer) -> None:
    item = settle(given)
    type(item.effect).objects.update(done_at=timezone.now())

    edited = answer_edit(answer=given, user=given.user, body=BETTER)

    edited.refresh_from_db()
    assert edited.body["score"] == 4
    assert versions(given) == [(1, 4, 9, False), (2, 5, 0, True)]
    assert WorkItem.objects.get(pk=item.pk).state == WorkState.DONE


def test_the_same_body_again_is_no_edit(given: Answer) -> None:
    for _ in range(2):
        answer_edit(answer=given, user=given.user, body=BETTER)
    assert len(versions(given)) == 2
    answer_edit(answer=given, user=given.user, body=GOOD)
    assert [score for _, score, *_ in versions(given)] == [4, 5, 4]


def test_nobody_edits_for_another_and_an_edit_fits_its_question(scene: Scene, given: Answer) -> None:
    with pytest.raises(FeedbackError, match="somebody else"):
        answer_edit(answer=given, user=scene.person("Otto"), body=BETTER)
    with pytest.raises(InvalidAnswer, match="17 is not a score"):
        answer_edit(answer=given, user=given.user, body={"score": 17})
    assert not given.versions.exists()
