"""Where annotators disagree a reviewer decides, and the run reads the decision."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from optimization.feedback.errors import FeedbackError
from optimization.feedback.services import answer_submit, claim_next, request_adjudicate
from optimization.losses.questions import QUESTION, RubricAnswer
from optimization.models import FeedbackRequest, Membership, RequestState, Role, WorkState
from optimization.runs.work.reading import answers_read
from tests.engine.rows import make_effect
from tests.feedback.scene import Scene


def judged(scene: Scene, scores: tuple[int, int], **how: object) -> FeedbackRequest:
    question = scene.ask(wanted=2, **how)
    for number, score in enumerate(scores):
        user = User.objects.filter(username=f"person {number}").first() or scene.person(f"person {number}")
        claim = claim_next(workspace=scene.workspace, user=user)
        assert claim
        body = {"score": score, "improvements": ["Name the lamp."]}
        answer_submit(request=question, user=user, fence=claim.fence, client_key=f"{claim.pk}", body=body)
    question.refresh_from_db()
    return question


def read(question: FeedbackRequest) -> list[float] | None:
    (_, answers), *_ = answers_read(FeedbackRequest.objects.filter(pk=question.pk))
    return None if answers is None else [one.score for one in answers if isinstance(one, RubricAnswer)]


@pytest.mark.parametrize(
    ("scores", "state"), [((4, 5), RequestState.ANSWERED), ((1, 5), RequestState.DISPUTED)]
)
def test_only_what_they_judge_too_differently_waits(
    scene: Scene, scores: tuple[int, int], state: RequestState
) -> None:
    question = judged(scene, scores, review_below=0.7)
    assert question.state == state
    assert question.item
    assert question.item.state == (WorkState.DUE if state == RequestState.ANSWERED else WorkState.WAITING)


def test_the_decision_is_what_the_run_reads(scene: Scene, omar: User) -> None:
    question = judged(scene, (1, 5), review_below=0.7)
    assert read(question) is None
    made = request_adjudicate(request=question, reviewer=omar, body={"score": 4}, reason="Both have a point.")
    question.refresh_from_db()
    assert (question.state, made.in_time) == (RequestState.ANSWERED, True)
    assert question.item
    assert question.item.state == WorkState.DUE
    assert read(question) == [4]


def test_a_twin_is_decided_with_the_question_that_was_asked(scene: Scene, omar: User) -> None:
    question = judged(scene, (1, 5), review_below=0.7)
    twin = scene.ask(wanted=2, question=QUESTION.validate_python(question.question))
    assert twin.twin_of == question
    made = request_adjudicate(request=twin, reviewer=omar, body={"score": 4})
    assert made.request == question
    assert read(question) == read(twin) == [4]


def test_a_decision_is_in_time_while_a_twins_effect_is_open(scene: Scene, omar: User) -> None:
    question = judged(scene, (1, 5))
    twin = scene.ask(wanted=2, question=QUESTION.validate_python(question.question))
    assert question.item
    done = make_effect(scene.run, ordinal=7)
    done.done_at = timezone.now()
    done.save()
    type(question.item).objects.filter(pk=question.item.pk).update(effect=done)
    assert request_adjudicate(request=twin, reviewer=omar, body={"score": 4}).in_time


def test_after_the_step_it_is_kept_and_changes_nothing(scene: Scene, omar: User) -> None:
    question = judged(scene, (1, 5))
    scene.effect.done_at = timezone.now()
    scene.effect.save()
    assert not request_adjudicate(request=question, reviewer=omar, body={"score": 4}).in_time


def test_before_the_step_an_answered_question_is_read_again(scene: Scene, omar: User) -> None:
    question = judged(scene, (1, 5))
    assert question.item
    type(question.item).objects.filter(pk=question.item.pk).update(state=WorkState.DONE)
    assert request_adjudicate(request=question, reviewer=omar, body={"score": 4}).in_time
    question.item.refresh_from_db()
    assert question.item.state == WorkState.DUE


def test_an_open_question_is_not_to_be_decided(scene: Scene, omar: User) -> None:
    with pytest.raises(FeedbackError, match="still waits for answers"):
        request_adjudicate(request=scene.ask(), reviewer=omar, body={"score": 4})


def test_a_run_that_weighs_its_annotators_counts_each_by_their_weight(scene: Scene) -> None:
    question = judged(scene, (1, 5))
    Membership.objects.filter(user__username="person 0").update(weight=3.0)
    (_, alike), *_ = answers_read(FeedbackRequest.objects.filter(pk=question.pk))
    scene.run.config = {"people": {"weighted": True}}
    scene.run.save()
    (_, weighed), *_ = answers_read(FeedbackRequest.objects.filter(pk=question.pk))
    assert [answer.weight for answer in alike or ()] == [1.0, 1.0]
    assert [answer.weight for answer in weighed or ()] == [3.0, 1.0]


def disputed_by(scene: Scene, *reviewers: str) -> tuple[FeedbackRequest, list[User]]:
    """A question that these reviewers, and annotators up to two, judged differently."""
    users = [scene.person(name, role=Role.OPERATOR) for name in reviewers]
    question = scene.ask(wanted=2, review_below=0.7)
    for user, score in zip([*users, scene.person("ann"), scene.person("ben")][:2], (1, 5), strict=True):
        claim = claim_next(workspace=scene.workspace, user=user)
        assert claim
        body = {"score": score, "improvements": ["Name the lamp."]}
        answer_submit(request=question, user=user, fence=claim.fence, client_key="k", body=body)
    return question, users


def test_nobody_decides_about_an_answer_of_their_own_while_another_can(scene: Scene) -> None:
    question, [olga] = disputed_by(scene, "olga")
    ivo = scene.person("ivo", role=Role.ADMIN)
    with pytest.raises(FeedbackError, match="not yours to decide: ivo can"):
        request_adjudicate(request=question, reviewer=olga, body={"score": 1, "improvements": ["Warmer."]})
    made = request_adjudicate(request=question, reviewer=ivo, body={"score": 4})
    assert (made.body["score"], made.own_answer) == (4, False)


def test_the_only_reviewer_decides_and_it_is_kept(scene: Scene) -> None:
    question, [olga] = disputed_by(scene, "olga")
    scene.person("ivo", role=Role.ADMIN, rehearsal=True)
    assert request_adjudicate(request=question, reviewer=olga, body={"score": 4}).own_answer


def test_where_every_reviewer_has_answered_any_of_them_decides(scene: Scene) -> None:
    question, [_, ivo] = disputed_by(scene, "olga", "ivo")
    assert request_adjudicate(request=question, reviewer=ivo, body={"score": 4}).own_answer
