"""Gold items and mirrored repeats are mixed in unseen, and read by no run."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.feedback.gold import MIRROR_AFTER
from optimization.feedback.quality.figures import quality_figures
from optimization.feedback.services import (
    answer_submit,
    claim_next,
    gold_add,
    gold_import,
    gold_mark,
    question_shown,
)
from optimization.feedback.urgency import checks_withdraw
from optimization.losses.questions import PreferenceQuestion
from optimization.models import Audience, FeedbackRequest, Gold, RequestState, Showing, WorkState
from tests.feedback.scene import Scene, rubric

KNOWN = rubric("Thank you for the lamp.").model_dump(mode="json")
PAIR = PreferenceQuestion(criteria="Which is kinder?", outputs=("Dear Dana", "Hey"), require_reason=False)


@pytest.fixture
def gold(scene: Scene, omar: User) -> Gold:
    return gold_add(
        workspace=scene.workspace, question=KNOWN, expected={"score": 5, "improvements": []}, user=omar
    )


def judge(scene: Scene, user: User, body: dict) -> FeedbackRequest | None:
    claim = claim_next(workspace=scene.workspace, user=user)
    if claim is None:
        return None
    answer_submit(request=claim.request, user=user, fence=claim.fence, client_key=f"{claim.pk}", body=body)
    return claim.request


def test_a_gold_item_stands_among_the_questions_and_is_seen_once(
    scene: Scene, gold: Gold, dana: User, omar: User
) -> None:
    asked = [scene.ask(gold=1.0) for _ in range(3)]
    seen = [judge(scene, dana, {"score": 5}) for _ in range(5)]
    assert [request.audience for request in seen if request].count(Audience.CHECK) == 1
    assert {request.pk for request in seen if request} >= {request.pk for request in asked}
    assert seen[4] is None  # two more copies are for others
    judged = judge(scene, omar, {"score": 2, "improvements": ["Warmer."]})
    assert judged
    assert judged.gold == gold
    checks = FeedbackRequest.objects.filter(audience=Audience.CHECK)
    assert all(check.item is None and check.question == KNOWN for check in checks)


def test_its_number_stands_next_to_the_questions(scene: Scene, gold: Gold) -> None:
    first, second = scene.ask(gold=1.0), scene.ask(gold=1.0)
    assert list(FeedbackRequest.objects.order_by("pk").values_list("audience", flat=True)) == [
        "people",
        "check",
        "people",
        "check",
    ]
    assert second.pk == first.pk + 2


def test_one_of_another_shape_is_not_mixed_in(scene: Scene, gold: Gold) -> None:
    scene.ask(rubric("A text", criteria="Is it short?"), gold=1.0)
    assert not FeedbackRequest.objects.filter(audience=Audience.CHECK).exists()


def test_its_answer_wakes_no_item_and_counts_for_the_person(
    scene: Scene, gold: Gold, dana: User, omar: User
) -> None:
    question = scene.ask(gold=1.0)
    judge(scene, dana, {"score": 4, "improvements": []})
    judge(scene, dana, {"score": 5, "improvements": []})
    question.refresh_from_db()
    assert question.item
    assert question.item.state == WorkState.DUE  # by its own answer
    (person,) = quality_figures(workspace=scene.workspace).people
    assert person.gold
    assert (person.gold.value, person.gold_answers) == (1.0, 1)


def test_what_nobody_came_to_leaves_with_the_last_question(scene: Scene, gold: Gold, dana: User) -> None:
    question = scene.ask(gold=1.0)
    FeedbackRequest.objects.filter(audience=Audience.CHECK).update(priority=-1)
    judge(scene, dana, {"score": 4})
    question.refresh_from_db()
    assert question.state == RequestState.ANSWERED
    assert checks_withdraw() == 1
    assert judge(scene, dana, {"score": 5}) is None


def test_an_answered_question_can_be_kept_as_gold(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    request = judge(scene, dana, {"score": 4, "improvements": []})
    assert request
    kept = gold_mark(answer=request.answers.get(), user=omar)
    assert (kept.question, kept.expected["score"]) == (request.question, 4)


def test_who_gave_the_answer_is_not_shown_the_item(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    request = judge(scene, dana, {"score": 4, "improvements": []})
    assert request
    gold_mark(answer=request.answers.get(), user=omar)
    scene.ask(rubric("Another reply"), gold=1.0)
    assert [judge(scene, dana, {"score": 5}) is not None for _ in range(2)] == [True, False]
    check = judge(scene, omar, {"score": 4})
    assert check
    assert check.audience == Audience.CHECK
    people = {
        person.name: person.gold_answers for person in quality_figures(workspace=scene.workspace).people
    }
    assert people == {"dana": 0, "omar": 1}


def test_an_import_names_each_line_that_is_wrong(scene: Scene, omar: User) -> None:
    import json

    good = json.dumps({"question": KNOWN, "expected": {"score": 5}})
    lines = [good, "", "no JSON", json.dumps({"question": {"kind": "rubric"}, "expected": {}})]
    lines.append(json.dumps({"question": KNOWN, "expected": {"score": 77}}))
    taken, wrong = gold_import(workspace=scene.workspace, lines=lines, user=omar)
    assert taken == 1
    assert [line for line, _ in wrong] == [3, 4, 5]
    with pytest.raises(FeedbackError, match="no answer that could be expected"):
        gold_add(
            workspace=scene.workspace,
            question={"kind": "feedback", "criteria": "", "output": "x"},
            expected={},
            user=omar,
        )
    with pytest.raises(InvalidAnswer):
        gold_add(workspace=scene.workspace, question=KNOWN, expected={}, user=omar)


def test_a_mirrored_repeat_comes_back_to_the_same_person_the_other_way_round(
    scene: Scene, dana: User, omar: User
) -> None:
    question = scene.ask(PAIR, mirrored=1.0)
    claim = claim_next(workspace=scene.workspace, user=dana)
    assert claim
    first = question_shown(request=question, user=dana)
    answer_submit(request=question, user=dana, fence=claim.fence, client_key="1", body={"choice": "A"})
    assert claim_next(workspace=scene.workspace, user=dana) is None  # not at once
    FeedbackRequest.objects.update(ready_at=F("ready_at") - MIRROR_AFTER)
    assert claim_next(workspace=scene.workspace, user=omar) is None
    again = claim_next(workspace=scene.workspace, user=dana)
    assert again
    second = question_shown(request=again.request, user=dana)
    assert isinstance(first, PreferenceQuestion)
    assert isinstance(second, PreferenceQuestion)
    assert second.outputs == first.outputs[::-1]
    assert Showing.objects.filter(user=dana).count() == 2
    answer_submit(request=again.request, user=dana, fence=again.fence, client_key="2", body={"choice": "A"})
    (person,) = quality_figures(workspace=scene.workspace).people
    assert person.consistent
    assert person.consistent.value == 0.0  # the left one both times: the place decided
    assert person.first
    assert person.first.value == 1.0
