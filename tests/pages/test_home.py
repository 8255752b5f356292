"""The first page: a prompt, a file, launch; and the runs at a glance."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from optimization.models import Dataset, Endpoint, Membership, Program, Run, Workspace
from optimization.runs.config import People
from tests.factories import make_dataset, make_iteration, make_run, make_waiting
from tests.pages.conftest import Browse
from tests.pages.reading import errors_beside, text

Members = dict[str, Membership]
PROMPT = "You answer customers of a lamp shop. Be friendly."


def jsonl(*rows: object) -> SimpleUploadedFile:
    lines = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return SimpleUploadedFile("tickets.jsonl", lines.encode())


def sent(**changes: object) -> dict[str, object]:
    rows = [{"ticket": f"Lamp {number} flickers", "customer": "Dana"} for number in range(10)]
    return {"prompt": PROMPT, "criteria": "Is it kind?", "file": jsonl(*rows), **changes}


class TestTheShortestWayIn:
    def test_makes_the_program_the_data_and_the_run(self, operator: Client) -> None:
        answer = operator.post("/", sent())
        run = Run.objects.get()
        assert answer["Location"] == f"/runs/{run.pk}/"
        spec = run.program_version.spec
        assert spec["inputs"] == ["ticket", "customer"]
        assert spec["nodes"][0]["prompt"] == "ticket:\n{ticket}\n\ncustomer:\n{customer}"
        assert spec["nodes"][0]["parameter"]["value"] == PROMPT
        assert run.dataset_version.sizes == {"train": 6, "validate": 2, "test": 2}
        assert run.config["loss"]["args"]["criteria"] == "Is it kind?"

    def test_asks_people_for_everything_where_there_are_no_rehearsal_colleagues(
        self, operator: Client
    ) -> None:
        operator.post("/", sent())
        assert Run.objects.get().config["people"] == People().model_dump()

    def test_takes_data_that_is_here_already(self, operator: Client, workspace: Workspace) -> None:
        version = make_dataset(workspace)
        operator.post("/", sent(file="", dataset="support-tickets"))
        assert Run.objects.get().dataset_version == version

    def test_a_bad_row_is_named_by_its_line_and_nothing_is_kept(self, operator: Client) -> None:
        answer = operator.post("/", sent(file=jsonl({"ticket": "a"}, "{oops", {"ticket": "b"})))
        assert answer.status_code == 422
        assert "1 line is wrong" in errors_beside(answer, "file")
        assert "2 not valid JSON" in text(answer)
        assert not Dataset.objects.exists()
        assert not Program.objects.exists()
        assert not Run.objects.exists()

    def test_a_field_that_cannot_name_an_input_leaves_no_data_behind(self, operator: Client) -> None:
        answer = operator.post("/", sent(file=jsonl({"the ticket": "a"}, {"the ticket": "b"})))
        assert answer.status_code == 422
        assert "cannot name inputs" in errors_beside(answer, "file")
        assert not Dataset.objects.exists()

    def test_a_prompt_with_a_place_for_an_input_is_told_to_leave_it_out(self, operator: Client) -> None:
        answer = operator.post("/", sent(prompt="Answer this ticket: {ticket}"))
        assert "Take {ticket} out" in errors_beside(answer, "prompt")

    def test_without_examples_it_says_what_is_missing(self, operator: Client) -> None:
        answer = operator.post("/", sent(file=""))
        assert "Drop a file with examples" in errors_beside(answer, "file")

    def test_what_was_typed_stays_after_an_error(self, operator: Client) -> None:
        assert PROMPT in text(operator.post("/", sent(file="")))


class TestAtAGlance:
    def test_runs_are_shown_with_state_and_score(
        self, operator: Client, workspace: Workspace, members: Members, people: list[User]
    ) -> None:
        run = make_run(workspace, members["operator"].user)
        make_iteration(run, 0.7, people)
        make_waiting(run, people)
        shown = text(operator.get("/"))
        assert "Waiting for people: 5 of 8, about 2 min 0.41 → 0.70" in shown
        assert "3 outputs wait to be judged" in shown

    def test_the_rehearsal_endpoint_is_named_for_what_it_is(
        self, operator: Client, rehearsal_endpoint: Endpoint
    ) -> None:
        shown = operator.get("/").content.decode()
        assert "rehearsal, not a language model" in shown
        assert "Give it a real endpoint" in shown

    def test_who_may_not_see_endpoints_is_not_led_there(
        self, browse: Browse, workspace: Workspace, members: Members, rehearsal_endpoint: Endpoint
    ) -> None:
        run = make_run(workspace, members["operator"].user)
        shown = browse("annotator").get(f"/runs/{run.pk}/").content.decode()
        assert "rehearsal, not a language model" in shown
        assert "Give it a real endpoint" not in shown
        assert "The past" not in shown

    def test_a_missing_endpoint_is_asked_for(self, operator: Client) -> None:
        assert "There is no endpoint “default” yet" in text(operator.get("/"))

    def test_it_says_whether_policies_are_still_being_installed(
        self, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from feedback_ui.home import views
        from project.policy_requirements import PolicyStatus, State

        told = PolicyStatus(State.INSTALLING, "Installing what policies need: 12 of 40.", done=12, total=40)
        monkeypatch.setattr(views, "status", lambda: told)
        assert "Installing what policies need: 12 of 40." in text(operator.get("/"))


@pytest.mark.parametrize(("role", "address"), [("annotator", "/judge/"), ("viewer", "/runs/")])
def test_others_are_led_to_their_work(browse: Browse, role: str, address: str) -> None:
    assert browse(role).get("/")["Location"] == address
