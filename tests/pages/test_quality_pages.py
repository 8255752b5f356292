"""What operators see of the quality of answers, and decide."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from optimization.feedback.services import answer_submit, claim_next
from optimization.losses.questions import (
    Aspect,
    FeedbackQuestion,
    PreferenceQuestion,
    Question,
    RankingQuestion,
)
from optimization.models import (
    FeedbackRequest,
    Gold,
    Membership,
    Opinion,
    Panel,
    RequestState,
    Role,
    Workspace,
)
from optimization.runs.checks import _care
from optimization.runs.config import Choice, People, RunConfig
from optimization.runs.work.terms import terms_of
from tests.feedback.scene import Scene, rubric
from tests.pages.reading import text


@pytest.fixture
def scene(workspace: Workspace) -> Scene:
    """The scene's run, in the workspace of the signed-in members."""
    made = Scene.make("Elsewhere")
    made.run.workspace = made.workspace = workspace
    made.run.save()
    return made


def judged(scene: Scene, scores: dict[str, int], **how: object) -> FeedbackRequest:
    question = scene.ask(wanted=len(scores), **how)
    for name, score in scores.items():
        user, _ = User.objects.get_or_create(username=name)
        Membership.objects.get_or_create(
            workspace=scene.workspace, user=user, defaults={"role": Role.ANNOTATOR}
        )
        claim = claim_next(workspace=scene.workspace, user=user)
        assert claim
        body = {"score": score, "improvements": [f"{name} wants it warmer."]}
        answer_submit(
            request=claim.request,
            user=user,
            fence=claim.fence,
            client_key=f"{claim.pk}",
            body=body,
            seconds=30,
        )
    question.refresh_from_db()
    return question


def test_the_figures_are_there_for_everybody_who_answered(operator: Client, scene: Scene) -> None:
    for ann, ben in ((1, 1), (5, 5), (3, 4), (2, 2)):
        judged(scene, {"ann": ann, "ben": ben})
    shown = text(operator.get("/queue/quality/"))
    assert "The newest 8 answers of people" in shown
    assert "Rubric 4 2 0.95" in shown
    assert "ann 4 30 s" in shown
    figures = operator.get("/api/v1/quality").json()
    assert figures["agreement"][0]["questions"] == 4
    assert [person["answers"] for person in figures["people"]] == [4, 4]


def test_without_answers_the_page_says_what_would_bring_some(operator: Client, scene: Scene) -> None:
    assert "No answers yet" in text(operator.get("/queue/quality/"))
    assert operator.get("/api/v1/quality").json()["people"] == []


def test_a_weight_is_set_and_a_wrong_one_said(operator: Client, scene: Scene) -> None:
    judged(scene, {"ann": 4})
    ann = Membership.objects.get(user__username="ann")
    operator.post(f"/queue/quality/weights/{ann.user_id}/", {"weight": "2.5"})
    ann.refresh_from_db()
    assert ann.weight == 2.5
    answer = operator.post(f"/queue/quality/weights/{ann.user_id}/", {"weight": "much"}, follow=True)
    assert "A weight is a number" in answer.content.decode()


def test_a_disagreement_is_decided_with_one_of_the_answers(operator: Client, scene: Scene) -> None:
    question = judged(scene, {"ann": 1, "ben": 5}, review_below=0.8)
    shown = text(operator.get("/queue/reviews/"))
    assert "Annotator 1 No" in shown
    assert "Annotator 2 Fully" in shown
    assert "ann wants it warmer." in shown
    for page in ("", "reviews/", "quality/", "gold/"):
        assert "Disagreements 1" in text(operator.get(f"/queue/{page}"))
    answer = question.answers.get(user__username="ben")
    done = operator.post(f"/queue/reviews/{question.pk}/", {"answer": answer.pk, "decision": "Ben is right."})
    assert done.status_code == 302
    question.refresh_from_db()
    decided = question.adjudication
    assert (question.state, decided.body["score"], decided.reason) == (
        RequestState.ANSWERED,
        5,
        "Ben is right.",
    )
    assert "Disagreements Quality" in text(operator.get("/queue/"))
    assert "Nothing to decide" in text(operator.get("/queue/reviews/"))


def test_a_decision_may_be_kept_as_a_gold_item(operator: Client, scene: Scene) -> None:
    question = judged(scene, {"ann": 1, "ben": 5}, review_below=0.8)
    answer = question.answers.get(user__username="ben")
    operator.post(f"/queue/reviews/{question.pk}/", {"answer": answer.pk, "gold": "on"})
    assert Gold.objects.get().expected["score"] == 5
    assert "No gold items yet" not in text(operator.get("/queue/gold/"))


def test_an_own_answer_must_be_complete(operator: Client, scene: Scene) -> None:
    question = judged(scene, {"ann": 1, "ben": 5}, review_below=0.8)
    refused = operator.post(f"/queue/reviews/{question.pk}/", {"score": "2", "decision": "Neither."})
    assert refused.status_code == 422
    assert "Say what should be better" in text(refused)
    assert "Neither." in text(refused)
    body = {"body": {"score": 2, "improvements": ["Warmer."]}, "reason": "Neither."}
    made = operator.post(
        f"/api/v1/quality/requests/{question.pk}/decision", json.dumps(body), content_type="application/json"
    )
    assert made.status_code == 201
    assert made.json()["in_time"] is True


@pytest.mark.parametrize(
    ("question", "fits", "does_not"),
    [
        (
            rubric(aspects=(Aspect(name="Facts"), Aspect(name="Tone"))),
            {"scores": {"Facts": 4, "Tone": 5}},
            {"scores": {"Facts": 4}},
        ),
        (PreferenceQuestion(criteria="?", outputs=("a", "b")), {"choice": "tie", "reason": "Alike."}, {}),
        (RankingQuestion(criteria="?", outputs=("a", "b")), {"ranks": [2, 1]}, {"ranks": [1, 1]}),
        (
            FeedbackQuestion(criteria="?", output="a"),
            {"improvements": ["Warmer."]},
            {"improvements": "Warmer."},
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_decision_over_rest_is_checked_as_an_answer_of_its_kind(
    operator: Client, scene: Scene, question: Question, fits: dict[str, Any], does_not: dict[str, Any]
) -> None:
    asked = scene.ask(question)
    FeedbackRequest.objects.filter(pk=asked.pk).update(state=RequestState.DISPUTED)
    address = f"/api/v1/quality/requests/{asked.pk}/decision"
    for body, status in ((does_not, 422), (fits, 201)):
        answer = operator.post(address, json.dumps({"body": body}), content_type="application/json")
        assert answer.status_code == status, answer.content


def test_what_another_reviewer_has_decided_stands(operator: Client, admin: Client, scene: Scene) -> None:
    question = judged(scene, {"ann": 1, "ben": 5}, review_below=0.8)
    address = f"/queue/reviews/{question.pk}/"
    assert admin.post(address, {"score": "4"}).status_code == 302
    assert admin.post(address, {"score": "4"}).status_code == 302, "sent twice"
    refused = operator.post(address, {"score": "5"})
    assert (refused.status_code, "admin has decided this" in text(refused)) == (409, True)
    question.refresh_from_db()
    assert question.adjudication.body["score"] == 4


def test_a_model_that_drifts_from_people_raises_an_alarm(operator: Client, scene: Scene) -> None:
    for number in range(60):
        request = scene.ask()
        request.answers.create(
            user=scene.run.created_by, client_key=f"{number}", body={"kind": "rubric", "score": 4}
        )
        Opinion.objects.create(
            workspace=scene.workspace,
            run=scene.run,
            key=request.key,
            kind="rubric",
            model="judge-1",
            body={"kind": "rubric", "score": 4 if number < 30 else 2},
            samples=3,
            sure=1.0,
        )
    shown = text(operator.get("/queue/quality/"))
    assert "The model judge and people drift apart: they said the same to 0% of the last 30" in shown
    assert "Asked 60 Decided alone 0 Compared with people 60 Said the same 50%" in shown
    assert "2 4 30" in shown


def test_a_launch_says_what_does_not_fit_of_how_people_are_asked(workspace: Workspace, scene: Scene) -> None:
    config = RunConfig(
        program="p",
        dataset="d",
        loss=Choice(name="HumanFeedbackLoss"),
        people=People(most=3, review_below=0.5, panel="Experts"),
    )
    pointers = [pointer for pointer, _ in _care(config, workspace)]
    assert pointers == ["/people/most", "/people/review_below", "/people/panel"]
    Panel.objects.create(workspace=workspace, name="Experts").members.set(
        [scene.person(name) for name in ("ann", "ben", "cleo")]
    )
    config = config.model_copy(update={"people": People(wanted=2, most=3, review_below=0.5, panel="Experts")})
    assert _care(config, workspace) == []
    panel = Panel.objects.get()
    assert terms_of(scene.run, config.people, "people")["lane"] == f"panel:{panel.pk}"


def test_gold_items_are_imported_and_ended(operator: Client, scene: Scene) -> None:
    row = {"question": rubric("Thank you.").model_dump(mode="json"), "expected": {"score": 5}}
    lines = f"{json.dumps(row)}\nnot JSON"
    refused = operator.post("/queue/gold/", {"file": SimpleUploadedFile("gold.jsonl", lines.encode())})
    assert refused.status_code == 422
    assert "Line 2" in text(refused)
    gold = Gold.objects.get()
    assert "Thank you. 5 Fully 0" in text(operator.get("/queue/gold/"))
    operator.post(f"/queue/gold/{gold.pk}/end/")
    assert "No gold items yet" in text(operator.get("/queue/gold/"))


def test_what_holds_ones_own_answer_is_listed_with_who_decides_it(operator: Client, scene: Scene) -> None:
    question = judged(scene, {"ann": 1, "operator": 5}, review_below=0.8)
    shown = text(operator.get("/queue/reviews/"))
    assert "Nothing to decide" in shown
    assert "Not yours to decide" in shown
    assert "Gentle steps · admin can" in shown
    answer = question.answers.get(user__username="operator")
    refused = operator.post(f"/queue/reviews/{question.pk}/", {"answer": answer.pk})
    assert refused.status_code == 409
    assert "not yours to decide: admin can." in text(refused)
    [row] = operator.get("/api/v1/quality/disputed").json()
    assert (row["yours"], row["deciders"]) == (False, ["admin"])
    decision = f"/api/v1/quality/requests/{question.pk}/decision"
    refused = operator.post(decision, json.dumps({"body": {"score": 5}}), content_type="application/json")
    assert (refused.status_code, "admin can" in refused.json()["detail"]) == (409, True)


def test_the_only_reviewer_is_told_of_their_own_answer(operator: Client, scene: Scene) -> None:
    Membership.objects.filter(workspace=scene.workspace, role=Role.ADMIN).update(role=Role.VIEWER)
    question = judged(scene, {"ann": 1, "operator": 5}, review_below=0.8)
    shown = text(operator.get("/queue/reviews/"))
    assert "One of these answers is your own" in shown
    assert "Annotator 2: your own answer" in shown
    decision = f"/api/v1/quality/requests/{question.pk}/decision"
    made = operator.post(decision, json.dumps({"body": {"score": 5}}), content_type="application/json")
    assert made.json()["own_answer"] is True
