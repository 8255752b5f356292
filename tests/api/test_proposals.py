"""A script that decides on proposals."""

from __future__ import annotations

import pytest

from optimization.models import Membership, ProposalReview, Workspace
from tests.api.conftest import As
from tests.factories import DRAFTS, make_review, make_run

NAME = "draft.system_prompt"


@pytest.fixture
def review(workspace: Workspace, members: dict[str, Membership]) -> ProposalReview:
    return make_review(make_run(workspace, members["operator"].user), members["annotator"].user)


def test_it_is_read_edited_and_told_apart_from_those_that_wait(as_role: As, review: ProposalReview) -> None:
    script, path = as_role("operator"), f"/runs/{review.run_id}/proposals"
    (waiting,) = script.get(f"{path}?waiting=true").json()["items"]
    assert (waiting["decision"], waiting["score_before"], waiting["score_after"]) == (None, 0.45, None)
    assert [(change["before"], change["after"]) for change in waiting["changes"]] == [(DRAFTS[0], DRAFTS[1])]

    decision = {"decision": "edited", "values": {NAME: DRAFTS[2]}, "reason": "The number"}
    decided = script.post(f"{path}/{waiting['id']}/decision", decision)

    assert decided.status_code == 200, decided.content
    assert decided.json()["decided_by"] == script.get("/me").json()["username"]
    assert decided.json()["changes"][0]["after"] == DRAFTS[2]
    assert script.get(f"{path}?waiting=true").json()["items"] == []
    other = {"decision": "rejected", "reason": "No"}
    assert script.post(f"{path}/{waiting['id']}/decision", other).status_code == 409


def test_what_is_wrong_is_named_at_its_field(as_role: As, review: ProposalReview) -> None:
    path = f"/runs/{review.run_id}/proposals/{review.pk}/decision"
    refused = as_role("operator").post(path, {"decision": "rejected"})
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["#/reason"]
    assert as_role("annotator").post(path, {"decision": "approved"}).status_code == 403
    assert (
        as_role("operator")
        .post(f"/runs/{review.run_id}/proposals/99/decision", {"decision": "approved"})
        .status_code
        == 404
    )
