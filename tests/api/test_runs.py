"""A run over REST alone: launched, judged, followed, steered."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.models import Membership, Run, Workspace
from tests.api.conftest import Caller, caller_for
from tests.engine.conftest import RUBRIC, annotator, operator, process, rehearsal_url, small_dataset, team
from tests.engine.loop import work
from workers.process import Process

__all__ = ["annotator", "operator", "process", "rehearsal_url", "small_dataset", "team"]

MEMBER, OPTIMIZER = "#/config/loss/args/losses/0/0", "#/config/optimizer/args"
BAD = {"name": "LLMRubricLoss", "args": {"criteria": "Good?"}}
PREFERENCE = {"name": "LLMPreferenceLoss", "args": {"criteria": "Better?"}}
THREE = {"name": "MinibatchAlgorithm", "args": {"num_samples": 3}}
LOSS = {"name": "HumanRubricLoss", "args": RUBRIC}


def rubric_loss(**changes: Any) -> dict[str, Any]:
    return {"loss": {"name": "HumanRubricLoss", "args": {**RUBRIC, **changes}}}


def config(**changes: Any) -> dict[str, Any]:
    trainer = {"name": "MinibatchAlgorithm", "args": {"batch_size": 2}}
    whole = {
        "program": "support_reply",
        "dataset": "small",
        "trainer": trainer,
        "loss": LOSS,
        "iterations": 1,
    }
    return {**whole, **changes}


def caller(workspace: Workspace, user: User) -> Caller:
    return caller_for(Membership.objects.get(workspace=workspace, user=user))


@pytest.fixture
def operating(team: Workspace, operator: User, small_dataset: str) -> Caller:
    return caller(team, operator)


@pytest.fixture
def judging(team: Workspace, annotator: User) -> Caller:
    return caller(team, annotator)


def launched(operating: Caller, **changes: Any) -> dict[str, Any]:
    response = operating.post("/runs", {"name": "Replies", "config": config(**changes)})
    assert response.status_code == 202, response.content
    assert response["Location"] == f"/api/v1/runs/{response.json()['id']}"
    return response.json()


WISHES = ["Apologise for the delay.", "Say when the order arrives."]
BODIES = {
    "rubric": {"score": 2, "improvements": WISHES},
    "feedback": {"improvements": WISHES},
    "preference": {"choice": "A", "reason": WISHES[0], "weaknesses": WISHES[1]},
    "ranking": {"ranks": [2, 1], "notes": WISHES},
}


def judge_all(judging: Caller) -> int:
    claim, given = judging.post("/feedback/claim"), 0
    asked = claim.json() if claim.status_code == 200 else None
    while asked:
        body = BODIES[asked["request"]["kind"]]
        sent = {"fence": asked["fence"], "client_key": uuid.uuid4().hex, "body": body, "seconds": 4}
        answered = judging.post(f"/feedback/requests/{asked['request']['id']}/answer", sent)
        assert answered.status_code == 201, answered.content
        asked, given = answered.json()["next"], given + 1
    return given


def test_a_run_is_launched_judged_and_read(operating: Caller, judging: Caller, process: Process) -> None:
    run = launched(operating)
    path = f"/runs/{run['id']}"
    work(Run.objects.get(), process)
    waiting = operating.get(path).json()
    assert waiting["sentence"].startswith("Waiting for people: 0 of 2")
    assert waiting["tone"] == "waits"
    assert judge_all(judging) == 2
    work(Run.objects.get(), process)

    done = operating.get(path).json()
    assert (done["state"], done["tone"]) == ("finished", "done"), done
    assert done["usage"]["calls"] > 0
    assert done["usage"]["answers"] == 2
    assert [point["position"] for point in done["curve"]] == [0, 1]
    iterations = operating.get(f"{path}/iterations").json()["items"]
    assert [row["number"] for row in iterations] == [0]
    assert iterations[0]["changed"]
    outputs = operating.get(f"{path}/iterations/0/outputs").json()["items"]
    assert len(outputs) == 2
    assert outputs[0]["remarks"][0]["judge"]
    changes = operating.get(f"{path}/iterations/0/changes").json()
    assert {change["name"] for change in changes["changes"]} == set(iterations[0]["changed"])
    assert changes["changes"][0]["before"] != changes["changes"][0]["after"]
    parameters = operating.get(f"{path}/parameters").json()["items"]
    current = {row["name"]: row["value"] for row in parameters if row["current"]}
    assert current[changes["changes"][0]["name"]] == changes["changes"][0]["after"]


@pytest.mark.parametrize(
    "loss",
    [
        {"name": "HumanFeedbackLoss", "args": {}},
        {"name": "HumanPreferenceLoss", "args": {"criteria": "Better?"}},
        {"name": "HumanRankingLoss", "args": {"criteria": "Best?"}},
    ],
)
def test_questions_of_every_kind_are_answered_from_a_script(
    operating: Caller, judging: Caller, process: Process, loss: dict[str, Any]
) -> None:
    trainer = {"name": "MinibatchAlgorithm", "args": {"batch_size": 2, "num_samples": 2, "eval_frequency": 0}}
    run = launched(operating, loss=loss, trainer=trainer)
    work(Run.objects.get(), process)
    assert judge_all(judging) == (4 if loss["name"] == "HumanFeedbackLoss" else 2)
    work(Run.objects.get(), process)

    done = operating.get(f"/runs/{run['id']}").json()
    assert done["state"] == "finished", done
    outputs = operating.get(f"/runs/{run['id']}/iterations/0/outputs").json()["items"]
    assert [(row["example"], row["sample"]) for row in outputs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(row["remarks"] for row in outputs)
    changes = operating.get(f"/runs/{run['id']}/iterations/0/changes").json()
    assert any(remark["text"] in WISHES for remark in changes["remarks"])
    assert changes["changes"]


def test_events_follow_one_another_without_gaps(operating: Caller, judging: Caller, process: Process) -> None:
    path = f"/runs/{launched(operating)['id']}/events"
    first = operating.get(path).json()
    assert first["items"][0]["kind"] == "launched"
    work(Run.objects.get(), process)
    later = operating.get(f"{path}?after={first['last']}").json()
    sequence = [event["seq"] for event in first["items"] + later["items"]]
    assert sequence == list(range(1, len(sequence) + 1))
    assert operating.get(f"{path}?after={later['last']}").json() == {"items": [], "last": later["last"]}


def test_an_annotator_follows_the_run_but_not_its_outputs(operating: Caller, judging: Caller) -> None:
    path = f"/runs/{launched(operating)['id']}"
    assert judging.get(path).status_code == 200
    assert judging.get(f"{path}/iterations/0/outputs").status_code == 403
    assert judging.post(f"{path}/pause").status_code == 403


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"program": "nothing"}, "#/config/program"),
        ({"dataset": "nothing"}, "#/config/dataset"),
        ({"loss": {"name": "Magic"}}, "#/config/loss/name"),
        ({"loss": {"name": "HumanRubricLoss", "args": {"criteria": "Good?"}}}, "#/config/loss/args/rubric"),
        ({"loss": {"name": "HumanRubricLoss", "args": {**RUBRIC, "desk": "x"}}}, "#/config/loss/args/desk"),
        ({"loss": {"name": "VerifierLoss", "args": {"verifier": "nothing"}}}, "#/config/loss/args"),
        (rubric_loss(criteria=" "), "#/config/loss/args/criteria"),
        (rubric_loss(rubric=[]), "#/config/loss/args/rubric"),
        (rubric_loss(rubric=[{"score": 1, "label": "no"}] * 2), "#/config/loss/args/rubric"),
        (rubric_loss(aspects=[{"name": "Tone"}] * 2), "#/config/loss/args/aspects"),
        (
            {"loss": {"name": "HumanFeedbackLoss", "args": {"prompt_template": "Is {reply} good?"}}},
            "#/config/loss/args/prompt_template",
        ),
        ({"judge": {"name": "LLMFeedbackLoss", "args": {"alias": ""}}}, "#/config/judge/args/alias"),
        ({"loss": {"name": "CompositeLoss", "args": {"losses": 5}}}, "#/config/loss/args/losses"),
        ({"loss": {"name": "CompositeLoss", "args": {"losses": [[BAD, 1]]}}}, f"{MEMBER}/args/rubric"),
        ({"loss": {"name": "CompositeLoss", "args": {"losses": [[{"name": "No"}, 1]]}}}, MEMBER),
        ({"loss": PREFERENCE}, "#/config/loss"),
        ({"loss": PREFERENCE, "trainer": THREE}, "#/config/loss"),
        ({"judge": PREFERENCE}, "#/config/judge"),
        ({"judge": {"name": "LLMFeedbackLoss"}}, "#/config/judge"),
        ({"people": {"per_iteration": 1}}, "#/config/people/per_iteration"),
        ({"people": {"per_iteration": 1, "rehearsal": True}}, "#/config/people/rehearsal"),
        ({"optimizer": {"name": "Magic"}}, "#/config/optimizer/name"),
        ({"optimizer": {"name": "SFAOptimizer", "args": {"conservatism": 2}}}, f"{OPTIMIZER}/conservatism"),
        ({"optimizer": {"name": "TGDOptimizer", "args": {"momentum": -1}}}, f"{OPTIMIZER}/momentum"),
        ({"optimizer": {"name": "TGDOptimizer", "args": {"temperature": -1}}}, f"{OPTIMIZER}/temperature"),
        ({"optimizer": {"name": "TGDOptimizer", "args": {"messages": []}}}, f"{OPTIMIZER}/messages"),
        ({"optimizer": {"name": "TGDOptimizer", "args": {"alias": ""}}}, f"{OPTIMIZER}/alias"),
        ({"optimizer": {"name": "SFAOptimizer", "args": {"constraints": "x"}}}, f"{OPTIMIZER}/constraints"),
        ({"optimizer": {"name": "SFAOptimizer", "args": {"constraints": [5]}}}, f"{OPTIMIZER}/constraints/0"),
        (
            {"optimizer": {"name": "SFAOptimizer", "args": {"constraints": [{"kind": "rhyme"}]}}},
            f"{OPTIMIZER}/constraints",
        ),
        (
            {"loss": {"name": "HumanRubricLoss", "args": {**RUBRIC, "require_feedback": "sometimes"}}},
            "#/config/loss/args/require_feedback",
        ),
        ({"optimizer": {"name": "TGDOptimizer", "args": {"model_client": {}}}}, f"{OPTIMIZER}/model_client"),
        ({"trainer": {"name": "MinibatchAlgorithm", "args": {"batch": 2}}}, "#/config/trainer/args/batch"),
        ({"iterations": 0}, "#/config/iterations"),
        ({"budget": -1}, "#/config/budget"),
        ({"colour": "green"}, "#/config/colour"),
    ],
)
def test_a_launch_that_cannot_be_is_refused_at_its_field(operating: Caller, changes, pointer) -> None:
    refused = operating.post("/runs", {"config": config(**changes)})
    assert refused.status_code == 422, refused.content
    assert pointer in [fault.get("pointer") for fault in refused.json()["errors"]], refused.json()
    assert not Run.objects.exists()


def test_a_launch_sent_twice_under_a_key_is_one_run(operating: Caller) -> None:
    body = {"name": "Replies", "config": config()}
    first = operating.post("/runs", body, Idempotency_Key="launch")
    again = operating.post("/runs", body, Idempotency_Key="launch")
    assert (again.status_code, again["Location"]) == (202, first["Location"])
    assert Run.objects.count() == 1


def test_a_run_is_paused_resumed_and_cancelled_and_refuses_what_does_not_fit(operating: Caller) -> None:
    path = f"/runs/{launched(operating)['id']}"
    assert operating.post(f"{path}/pause").json()["state"] == "paused"
    again = operating.post(f"{path}/pause")
    assert again.status_code == 409
    assert "paused" in again.json()["detail"]
    assert operating.post(f"{path}/retry").status_code == 409
    assert operating.post(f"{path}/resume").json()["state"] == "running"
    assert operating.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert operating.post(f"{path}/resume").status_code == 409


def test_runs_are_listed_filtered_and_sorted(operating: Caller) -> None:
    for name in ("Beta", "Alpha", "Gamma"):
        operating.post("/runs", {"name": name, "config": config()})
    operating.post(f"/runs/{Run.objects.get(name='Gamma').pk}/cancel")

    def names(query: str) -> list[str]:
        return [run["name"] for run in operating.get(f"/runs?{query}").json()["items"]]

    assert names("sort=name") == ["Alpha", "Beta", "Gamma"]
    assert names("") == ["Gamma", "Alpha", "Beta"]
    assert names("state=running&sort=-name") == ["Beta", "Alpha"]
    assert names("search=lph") == ["Alpha"]
    assert names("program=another") == []
    page = operating.get("/runs?limit=2").json()
    assert names(f"limit=2&cursor={page['next']}") == ["Beta"]


def test_a_run_of_another_workspace_is_not_there(operating: Caller) -> None:
    run = launched(operating)
    Run.objects.update(workspace=Workspace.objects.create(name="Other", slug="other"))
    for path in ("", "/iterations", "/parameters", "/events", "/iterations/0/outputs"):
        refused = operating.get(f"/runs/{run['id']}{path}")
        assert refused.status_code == 404
        assert refused.json()["detail"] == f"There is no run {run['id']} in this workspace."
    assert operating.post(f"/runs/{run['id']}/cancel").status_code == 404


def test_an_iteration_that_has_not_been_is_named(operating: Caller) -> None:
    refused = operating.get(f"/runs/{launched(operating)['id']}/iterations/7/changes")
    assert refused.status_code == 404
    assert "the number 7" in refused.json()["detail"]
