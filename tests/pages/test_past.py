"""What can be done with a run's past, on its page and over REST."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.dispatch import receiver
from django.test import Client

from optimization.models import Answer, Application, Membership, Run, RunState, Workspace
from optimization.runs.config import RunConfig
from optimization.runs.engine.pins import pins_for
from optimization.runs.events import event_emit
from optimization.runs.signals import replay_wanted
from tests.api.conftest import As, as_role
from tests.factories import make_iteration, make_run
from tests.pages.reading import text

__all__ = ["as_role"]
Members = dict[str, Membership]


@pytest.fixture
def run(workspace: Workspace, members: Members, people: list[User]) -> Run:
    run = make_run(workspace, members["operator"].user)
    for score in (0.52, 0.66):
        make_iteration(run, score, people)
    return run


class TestReplay:
    def test_is_asked_for_on_the_page_and_its_verdict_shown_there(
        self, operator: Client, run: Run, django_capture_on_commit_callbacks: object
    ) -> None:
        asked: list[int] = []

        @receiver(replay_wanted, weak=False, dispatch_uid="test")
        def _(run_id: int, **_: object) -> None:
            asked.append(run_id)

        try:
            assert "Replay this run from what is stored?" in text(operator.get(f"/runs/{run.pk}/replay/"))
            with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
                shown = operator.post(f"/runs/{run.pk}/replay/", follow=True).content.decode()
        finally:
            replay_wanted.disconnect(dispatch_uid="test")
        assert "Being replayed." in shown
        assert asked == [run.pk]

        event_emit(run.pk, "replayed", {"equal": True, "words": "All 4 proposed values came out byte-equal."})
        assert "All 4 proposed values came out byte-equal." in text(operator.get(f"/runs/{run.pk}/"))

    def test_over_rest(self, as_role: As, run: Run) -> None:
        caller = as_role("operator")
        assert caller.get(f"/runs/{run.pk}/replay").status_code == 404
        response = caller.post(f"/runs/{run.pk}/replay")
        assert (response.status_code, response["Location"]) == (202, f"/api/v1/runs/{run.pk}/replay")
        event_emit(run.pk, "replayed", {"equal": False, "words": "It came out otherwise."})
        found = caller.get(response["Location"].removeprefix("/api/v1")).json()
        assert (found["equal"], found["words"]) == (False, "It came out otherwise.")

    def test_a_run_that_has_done_nothing_has_nothing_to_replay(
        self, as_role: As, workspace: Workspace, members: Members
    ) -> None:
        run = make_run(workspace, members["operator"].user)
        response = as_role("operator").post(f"/runs/{run.pk}/replay")
        assert response.status_code == 409
        assert "has done nothing yet" in response.json()["detail"]


class TestRevert:
    def test_from_the_page_of_a_version(self, operator: Client, run: Run) -> None:
        Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED)
        version = run.parameter_versions.get(name="draft.system_prompt", number=1)
        page = f"/runs/{run.pk}/prompts/{version.pk}/"
        shown = operator.get(page)
        assert "Go back to this version" in text(shown)
        assert "Version 3" in text(shown)
        assert "Go back to version 1?" in text(operator.get(f"{page}revert/"))

        done = operator.post(f"{page}revert/", {"reason": "It was kinder."}, follow=True)

        assert "is back at version 1" in done.content.decode()
        assert "version 1 put back by operator" in text(done)
        assert "the one in use" in text(operator.get(page))
        assert run.reverts.get().reason == "It was kinder."

    def test_over_rest(self, as_role: As, run: Run) -> None:
        Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED)
        version = run.parameter_versions.get(name="draft.system_prompt", number=2)
        address = f"/runs/{run.pk}/parameters/{version.pk}/revert"
        found = as_role("operator").post(address, {"reason": ""}).json()
        assert (found["number"], found["done"]) == (2, True)
        assert as_role("operator").post(address, {}).status_code == 409
        missing = f"/runs/{run.pk}/parameters/999999/revert"
        assert as_role("operator").post(missing, {}).status_code == 404


class TestWithout:
    @pytest.fixture
    def used(self, run: Run) -> Run:
        """The steps have used their answers."""
        run.pins = pins_for(RunConfig.model_validate(run.config), run.program_version)
        run.save()
        for step in run.steps.all():
            for answer in Answer.objects.filter(request__run=run, request__iteration=step.iteration):
                Application.objects.create(step=step, answer=answer)
        return run

    def test_the_price_stands_before_the_button(
        self, operator: Client, used: Run, members: Members, workspace: Workspace
    ) -> None:
        page = f"/runs/{used.pk}/without/"
        assert page in operator.get(f"/runs/{used.pk}/").content.decode()
        shown = text(operator.get(page))
        assert (
            "…annotator First used in iteration 1, where annotator gave 4 answers, all of them alone" in shown
        )
        assert "Used again there: 8 calls and 4 answers of others." in shown
        assert "Then a model's rubric judges" in shown
        assert "Then people judge, but not annotator" in shown
        assert "32 questions, about 24 min of people." in shown

        someone = members["annotator"].user
        done = operator.post(page, {"user": someone.pk, "then": "judge"}, follow=True)
        fork = Run.objects.get(parent=used)
        assert done.redirect_chain[-1][0] == f"/runs/{fork.pk}/"
        assert "Begun from Support replies, gentle steps at its iteration 1, without annotator." in text(done)
        assert fork.without == someone

        refused = operator.post(page, {"user": "", "then": "judge"}, follow=True)
        assert "Choose whom to leave out." in refused.content.decode()

    def test_nobody_to_leave_out(self, operator: Client, run: Run) -> None:
        assert "No step has used anybody" in text(operator.get(f"/runs/{run.pk}/without/"))

    def test_over_rest(self, as_role: As, used: Run, members: Members) -> None:
        caller = as_role("operator")
        found = caller.get(f"/runs/{used.pk}/without").json()
        assert [offer["name"] for offer in found["items"]] == ["annotator", "operator"]
        assert found["items"][0]["by_people"]["questions"] == 32
        assert found["judge"]["name"] == "LLMRubricLoss"
        body = {"user": members["annotator"].user.pk, "then": "people", "name": "Without"}
        response = caller.post(f"/runs/{used.pk}/without", body)
        assert (response.status_code, response.json()["name"]) == (202, "Without")
        stranger = caller.post(f"/runs/{used.pk}/without", {**body, "user": members["viewer"].user.pk})
        assert stranger.status_code == 409
        assert "without them it would be the same" in stranger.json()["detail"]
        assert caller.post(f"/runs/{used.pk}/without", {**body, "user": 999999}).status_code == 404
