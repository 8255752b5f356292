"""Judging over REST: claim, heartbeat, answer, next; blind, once, and never somebody else's question."""

from __future__ import annotations

import uuid

import pytest

from optimization.feedback.services import request_open
from optimization.losses.questions import Aspect, PreferenceQuestion, RubricLevel, RubricQuestion
from optimization.models import (
    Answer,
    Claim,
    ClaimState,
    FeedbackRequest,
    Membership,
    Run,
    Showing,
    WorkItem,
    Workspace,
    WorkState,
)
from tests.api.conftest import As, Caller
from tests.engine.rows import make_effect, make_item, make_run

LEVELS = (RubricLevel(1, "Poor", "Does not help"), RubricLevel(5, "Good", "Helps at once"))
GOOD = {"score": 5, "improvements": ["Say when."]}


@pytest.fixture
def run(workspace: Workspace) -> Run:
    run = make_run()
    run.workspace = workspace
    run.save()
    return run


def ask(run: Run, count: int = 1, **options: object) -> list[FeedbackRequest]:
    effect = make_effect(run)
    requests = []
    for index in range(count):
        item = make_item(effect, index, state=WorkState.WAITING)
        question = RubricQuestion(
            criteria="Is it helpful?", output=f"Reply {index}", levels=LEVELS, context={"ticket": "Late"}
        )
        requests.append(
            request_open(item=item, key=f"secret-candidate/{index}", question=question, **options)
        )
    return requests


def answer(caller: Caller, claim: dict, body: dict = GOOD, **changes: object):
    sent = {"fence": claim["fence"], "client_key": uuid.uuid4().hex, "body": body, "seconds": 3.5}
    return caller.post(f"/feedback/requests/{claim['request']['id']}/answer", {**sent, **changes})


def test_an_empty_queue_has_no_content(as_role: As) -> None:
    response = as_role("annotator").post("/feedback/claim")
    assert response.status_code == 204
    assert response.content == b""


def test_a_claim_shows_the_question_and_nothing_that_tells_who_wrote_it(as_role: As, run: Run) -> None:
    request = ask(run)[0]
    FeedbackRequest.objects.update(question={**request.question, "model": "gpt-x", "score": 0.5})
    claim = as_role("annotator").post("/feedback/claim")
    assert claim.status_code == 200
    assert set(claim.json()) == {"request", "fence", "expires_at", "deadline", "draft"}
    shown = claim.json()["request"]
    assert set(shown) == {"id", "kind", "iteration", "question"}
    assert shown["question"]["output"] == "Reply 0"
    assert shown["question"]["levels"][1] == {"score": 5, "label": "Good", "description": "Helps at once"}
    for secret in ("gpt-x", "secret-candidate", "initial"):
        assert secret not in claim.content.decode()


def test_answers_follow_one_another_in_one_round_trip_each(as_role: As, run: Run) -> None:
    ask(run, 2)
    script = as_role("annotator")
    first = script.post("/feedback/claim").json()
    answered = answer(script, first)
    assert answered.status_code == 201, answered.content
    second = answered.json()["next"]
    assert second["request"]["id"] != first["request"]["id"]
    assert answer(script, second).json()["next"] is None
    assert Answer.objects.count() == 2
    assert set(WorkItem.objects.values_list("state", flat=True)) == {WorkState.DUE}


def test_an_answer_sent_twice_is_one_answer(as_role: As, run: Run) -> None:
    ask(run)
    script = as_role("annotator")
    claim = script.post("/feedback/claim").json()
    first = answer(script, claim, client_key="mine")
    again = answer(script, claim, client_key="mine")
    assert first.json()["answer_id"] == again.json()["answer_id"]
    assert Answer.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"improvements": ["x"]}, "#/body/score"),
        ({"score": 3, "improvements": ["x"]}, "#/body/score"),
        ({"score": 5}, "#/body/improvements"),
        ({"score": 5, "improvements": ["x"], "mood": "good"}, "#/body/mood"),
    ],
)
def test_an_answer_that_does_not_fit_is_pointed_to(as_role: As, run: Run, body, pointer) -> None:
    ask(run)
    script = as_role("annotator")
    refused = answer(script, script.post("/feedback/claim").json(), body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert not Answer.objects.exists()


def test_a_heartbeat_holds_the_question_on(as_role: As, run: Run) -> None:
    ask(run)
    script = as_role("annotator")
    claim = script.post("/feedback/claim").json()
    path = f"/feedback/requests/{claim['request']['id']}/heartbeat"
    held = script.post(path, {"fence": claim["fence"]})
    assert held.status_code == 200
    assert held.json()["expires_at"] >= claim["expires_at"]
    lost = script.post(path, {"fence": claim["fence"] + 1})
    assert lost.status_code == 409


def test_somebody_elses_question_cannot_be_answered(as_role: As, run: Run) -> None:
    ask(run)
    claim = as_role("annotator").post("/feedback/claim").json()
    assert as_role("operator").post("/feedback/claim").status_code == 204
    stolen = answer(as_role("operator"), claim)
    assert stolen.status_code == 409
    assert not Answer.objects.exists()


def test_a_skipped_question_goes_to_others(as_role: As, run: Run) -> None:
    ask(run)
    claim = as_role("annotator").post("/feedback/claim").json()
    path = f"/feedback/requests/{claim['request']['id']}"
    skipped = as_role("annotator").post(f"{path}/skip", {"reason": "Not my language"})
    assert (skipped.status_code, skipped.json()["next"]) == (200, None)
    assert as_role("operator").post("/feedback/claim").status_code == 200


def test_a_released_question_is_free_at_once(as_role: As, run: Run) -> None:
    ask(run)
    claim = as_role("annotator").post("/feedback/claim").json()
    path = f"/feedback/requests/{claim['request']['id']}/release"
    assert as_role("annotator").post(path, {"fence": claim["fence"]}).status_code == 204
    assert Claim.objects.get().state == ClaimState.RELEASED
    assert as_role("operator").post("/feedback/claim").status_code == 200


def test_a_draft_comes_back_with_the_claim(as_role: As, run: Run) -> None:
    ask(run)
    script = as_role("annotator")
    claim = script.post("/feedback/claim").json()
    path = f"/feedback/requests/{claim['request']['id']}/draft"
    assert script.send("PUT", path, {"body": {"score": 1}}).status_code == 204
    assert script.post("/feedback/claim").json()["draft"] == {"score": 1}


def test_colleagues_of_the_rehearsal_get_their_own_questions(as_role: As, run: Run, members) -> None:
    ask(run, audience="rehearsal")
    assert as_role("annotator").post("/feedback/claim").status_code == 204
    Membership.objects.filter(pk=members["annotator"].pk).update(is_rehearsal=True)
    assert as_role("annotator").post("/feedback/claim").status_code == 200


def test_a_question_of_another_workspace_is_not_there(as_role: As, run: Run) -> None:
    request = ask(run)[0]
    other = Workspace.objects.create(name="Other", slug="other")
    FeedbackRequest.objects.update(workspace=other)
    script = as_role("annotator")
    assert script.post("/feedback/claim").status_code == 204
    refused = script.post(f"/feedback/requests/{request.pk}/heartbeat", {"fence": 1})
    assert refused.status_code == 404
    assert refused.json()["detail"] == f"There is no feedback request {request.pk} in this workspace."


def test_operators_see_what_waits(as_role: As, run: Run) -> None:
    ask(run, 3)
    script = as_role("annotator")
    answer(script, script.post("/feedback/claim").json())
    page = as_role("operator").get(f"/feedback/requests?run={run.pk}&state=open").json()
    assert [(row["state"], row["answers"]) for row in page["items"]] == [("open", 0)] * 2
    done = as_role("operator").get("/feedback/requests?state=answered").json()["items"]
    assert [row["answers"] for row in done] == [1]


def test_a_claim_under_an_idempotency_key_is_replayed(as_role: As, run: Run) -> None:
    ask(run, 2)
    script = as_role("annotator")
    first = script.post("/feedback/claim", Idempotency_Key="one")
    assert script.post("/feedback/claim", Idempotency_Key="one").json() == first.json()


def test_an_answer_is_changed_and_every_version_kept(as_role: As, run: Run) -> None:
    ask(run)
    script = as_role("annotator")
    given = answer(script, script.post("/feedback/claim").json()).json()["answer_id"]
    changed = script.send("PUT", f"/feedback/answers/{given}", {"body": {**GOOD, "score": 1}})
    assert changed.status_code == 200, changed.content
    assert [version["body"]["score"] for version in changed.json()["history"]] == [5, 1]
    listed = script.get("/feedback/answers").json()["items"]
    assert [(row["id"], row["body"]["score"], row["versions"]) for row in listed] == [(given, 1, 2)]
    assert as_role("operator").get(f"/feedback/answers/{given}").status_code == 404
    assert script.send("PUT", f"/feedback/answers/{given}", {"body": {"score": 3}}).status_code == 422


def test_a_pair_comes_and_goes_in_the_order_in_which_it_was_shown(as_role: As, run: Run, members) -> None:
    item = make_item(make_effect(run), 0, state=WorkState.WAITING)
    question = request_open(item=item, key="k", question=PreferenceQuestion(criteria="", outputs=("a", "b")))
    Showing.objects.create(request=question, user=members["annotator"].user, order=[1, 0])
    script = as_role("annotator")
    claim = script.post("/feedback/claim").json()
    assert claim["request"]["question"]["outputs"] == ["b", "a"]
    given = answer(script, claim, {"choice": "A", "reason": "x"}).json()["answer_id"]
    assert Answer.objects.get().body["choice"] == "B"
    shown = script.get(f"/feedback/answers/{given}").json()
    assert (shown["body"]["choice"], shown["question"]["outputs"]) == ("A", ["b", "a"])


def test_a_missing_aspect_is_pointed_to(as_role: As, run: Run) -> None:
    item = make_item(make_effect(run), 0, state=WorkState.WAITING)
    aspects = (Aspect(name="Facts"), Aspect(name="Tone"))
    question = RubricQuestion(criteria="", output="x", levels=LEVELS, aspects=aspects, require_feedback=False)
    request_open(item=item, key="k", question=question)
    script = as_role("annotator")
    claim = script.post("/feedback/claim").json()
    refused = answer(script, claim, {"scores": {"Facts": 5}})
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/body/scores/Tone"]
    assert answer(script, claim, {"scores": {"Facts": 5, "Tone": 1}}).status_code == 201
    assert Answer.objects.get().body["score"] == 3


def test_how_an_answer_would_be_read_is_told_before_it_is_sent(as_role: As, run: Run) -> None:
    asked = ask(run)[0]
    path = f"/feedback/requests/{asked.pk}/preview"
    assert as_role("annotator").post(path, {"body": GOOD}).status_code == 409
    as_role("annotator").post("/feedback/claim")
    told = as_role("annotator").post(path, {"body": GOOD})
    assert told.status_code == 200
    [reading] = told.json()["outputs"]
    assert (reading["remarks"], reading["score"]) == (["Say when."], 1.0)
    assert reading["text"] == "- Say when.\nScore: 1.00\nInput: Late\nOutput: Reply 0"
    assert not Answer.objects.exists()


def test_the_next_question_can_be_fetched_ahead(as_role: As, run: Run) -> None:
    ask(run, 2)
    script = as_role("annotator")
    assert script.post("/feedback/ahead").status_code == 204
    first = script.post("/feedback/claim").json()
    ahead = script.post("/feedback/ahead").json()
    following = answer(script, first).json()["next"]
    assert (following["request"]["id"], following["fence"]) == (ahead["request"]["id"], ahead["fence"])
