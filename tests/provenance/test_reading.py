"""Provenance as it is asked for: over REST, and on its page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.models import Answer, Application, Membership, ParameterVersion, Run, Step, Workspace
from tests.api.conftest import As, as_role, members, workspace
from tests.factories import make_iteration, make_run
from tests.pages.reading import text

__all__ = ["as_role", "members", "workspace"]


@pytest.fixture
def run(workspace: Workspace, members: dict[str, Membership]) -> Run:
    """Two iterations, whose answers their steps have used."""
    people: list[User] = [members["annotator"].user, members["operator"].user]
    run = make_run(workspace, members["operator"].user)
    for score in (0.52, 0.66):
        make_iteration(run, score, people)
    for step in Step.objects.filter(run=run):
        for answer in Answer.objects.filter(request__run=run, request__iteration=step.iteration):
            Application.objects.create(step=step, answer=answer)
    return run


@pytest.fixture
def version(run: Run) -> ParameterVersion:
    return ParameterVersion.objects.filter(run=run, name="draft.system_prompt").latest("number")


def test_each_sentence_of_a_version_with_what_is_behind_it(
    as_role: As, run: Run, version: ParameterVersion
) -> None:
    found = as_role("viewer").get(f"/runs/{run.pk}/parameters/{version.pk}/provenance").json()

    assert found["number"] == 3
    brought = {one["version"]: one for one in found["brought"]}
    newest = brought[version.pk]
    assert len(newest["answers"]) == 8
    assert {cause["text"] for cause in newest["causes"]} >= {"Give a date", "Name the refund"}
    assert (newest["score_before"], newest["score_after"]) == (0.52, 0.66)
    refund = next(sentence for sentence in found["sentences"] if "name the refund" in sentence["text"])
    assert refund["brought_by"] == version.pk
    assert "Name the refund" in refund["closest"]
    happened = next(s for s in found["sentences"] if s["text"].startswith("Say what happened"))
    assert happened["was"] == "Say what happened in one sentence."


def test_a_version_of_another_run_is_not_there(as_role: As, run: Run) -> None:
    answer = as_role("viewer").get(f"/runs/{run.pk}/parameters/999999/provenance")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "There is no parameter version 999999 in this workspace.",
    )


def test_annotators_ask_what_became_of_their_own_answers_alone(
    as_role: As, run: Run, members: dict[str, Membership]
) -> None:
    given = Answer.objects.filter(request__run=run, request__iteration=1)
    mine, other = (given.filter(user=members[role].user).first() for role in ("annotator", "operator"))
    assert mine
    assert other

    became = as_role("annotator").get(f"/feedback/answers/{mine.pk}/became").json()
    assert became["words"].startswith("Used in iteration 2: ")
    assert became["words"].endswith("the score went from 0.52 to 0.66.")
    assert became["uses"][0]["changes"][0]["standing"]
    assert as_role("annotator").get(f"/feedback/answers/{other.pk}/became").status_code == 404
    assert as_role("operator").get(f"/feedback/answers/{other.pk}/became").status_code == 200


def test_its_page_shows_every_sentence_beside_its_origin(
    run: Run, version: ParameterVersion, members: dict[str, Membership]
) -> None:
    client = Client()
    client.force_login(members["viewer"].user)
    page = f"/runs/{run.pk}/prompts/{version.pk}/"
    assert page in client.get(f"/runs/{run.pk}/").content.decode()

    shown = text(client.get(page))
    assert "Reworded in iteration 2" in shown
    assert "Was: Say what happened in one sentence." in shown
    assert "As the run began." in shown
    assert "Behind version 3, written in iteration 2" in shown
    assert client.get(f"/runs/{run.pk}/prompts/999999/").status_code == 404
