"""A script that sees what is stuck and says what is to become of it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from optimization.feedback.services import request_skip
from optimization.models import Membership, Run, Workspace, WorkState
from tests.api.conftest import As
from tests.factories import make_effect, make_item, make_run, make_waiting


@pytest.fixture
def run(workspace: Workspace, members: dict[str, Membership]) -> Run:
    return make_run(workspace, members["operator"].user)


def test_what_is_stuck_is_read_and_mended(as_role: As, run: Run, members: dict[str, Membership]) -> None:
    (request,) = make_waiting(run, [], given=0, wanted=1)
    for role in ("annotator", "operator", "admin"):
        request_skip(request=request, user=members[role].user, reason="No")
    item = make_item(
        make_effect(run, "forward", 5, timezone.now()), 1, WorkState.FAILED, last_error="It broke."
    )
    script, path = as_role("operator"), f"/runs/{run.pk}"

    stuck = script.get(f"{path}/stuck").json()
    assert [(one["id"], one["error"]) for one in stuck["items"]] == [(item.pk, "It broke.")]
    assert [(one["id"], len(one["passed_on"])) for one in stuck["questions"]] == [(request.pk, 3)]

    assert script.post(f"{path}/items/{item.pk}/mend", {"then": "leave-out"}).status_code == 200
    assert script.post(f"{path}/questions/{request.pk}/mend", {"then": "go-on"}).status_code == 200
    assert script.get(f"{path}/stuck").json() == {"items": [], "questions": []}
    assert script.post(f"{path}/items/{item.pk}/mend", {"then": "retry"}).status_code == 409
    assert script.post(f"{path}/items/999/mend", {"then": "retry"}).status_code == 404
    assert script.post(f"{path}/items/{item.pk}/mend", {"then": "explode"}).status_code == 422
