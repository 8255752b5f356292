"""Programs: the list, one with its graph and prompts, importing one as JSON."""

import json

import pytest
from django.test import Client

from feedback_ui.programs.sketch import program_sketch
from optimization.catalog.shipped import shipped_programs_register
from optimization.models import Membership, Program, Workspace
from optimization.programs import build_program
from tests.factories import SPEC, make_program, make_run
from tests.pages.conftest import Browse
from tests.pages.reading import errors_beside, text


def test_the_list_says_what_each_does_and_is_made_of(operator: Client, workspace: Workspace) -> None:
    shipped_programs_register(workspace=workspace)
    make_program(workspace)
    shown = text(operator.get("/programs/"))
    assert "Support reply support_reply Answers a customer's ticket for a lamp shop" in shown
    assert "Python" in shown
    assert "JSON" in shown


@pytest.mark.parametrize("name", ["support_reply", "support-reply"])
def test_a_program_shows_its_graph_and_what_is_learned(
    operator: Client, workspace: Workspace, name: str
) -> None:
    shipped_programs_register(workspace=workspace)
    make_program(workspace)
    answer = operator.get(f"/programs/{name}/")
    assert "draft reads the inputs. refine reads draft and the inputs." in answer.content.decode()
    assert "draft.system_prompt" in text(answer)
    assert "You answer customers of a lamp shop." in text(answer)


def test_a_program_whose_code_is_gone_says_so_and_cannot_be_launched(
    operator: Client, workspace: Workspace
) -> None:
    program = Program.objects.create(workspace=workspace, name="gone", title="Gone")
    program.versions.create(number=1, spec={"registered": "gone"}, digest="g")
    shown = text(operator.get("/programs/gone/"))
    assert "This version cannot be read here: No program 'gone' is registered." in shown
    assert "Launch a run" not in shown


def test_a_version_and_its_runs_can_be_chosen(
    operator: Client, workspace: Workspace, members: dict[str, Membership]
) -> None:
    make_run(workspace, members["operator"].user)
    program = Program.objects.get()
    program.versions.create(number=2, spec=SPEC, digest="p2")
    assert "version 2" in text(operator.get("/programs/support-reply/"))
    shown = text(operator.get("/programs/support-reply/?version=1"))
    assert "version 1" in shown
    assert "1 run" in shown
    assert operator.get("/programs/support-reply/?version=9").status_code == 404


def test_a_program_is_imported(operator: Client) -> None:
    answer = operator.post("/programs/import/", {"name": "Reply", "text": json.dumps(SPEC)})
    assert answer["Location"] == "/programs/reply/"
    assert Program.objects.get().versions.get().spec == SPEC


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("{", "This is not JSON"),
        ("[]", "A program is a JSON object"),
        ("", "Paste the program, or choose its file."),
        (json.dumps({**SPEC, "output": "nobody"}), "/output:"),
        (
            json.dumps({**SPEC, "nodes": [{**SPEC["nodes"][0], "prompt": "{tickt}"}, SPEC["nodes"][1]]}),
            "/nodes/0/prompt:",
        ),
    ],
)
def test_a_program_that_would_not_run_is_refused_with_the_place(
    operator: Client, sent: str, error: str
) -> None:
    answer = operator.post("/programs/import/", {"name": "Reply", "text": sent})
    assert answer.status_code == 422
    assert error in errors_beside(answer, "text")
    assert not Program.objects.exists()


def test_a_viewer_reads_and_does_not_import(browse: Browse, workspace: Workspace) -> None:
    make_program(workspace)
    viewer = browse("viewer")
    assert "Import" not in text(viewer.get("/programs/"))
    assert viewer.get("/programs/import/").status_code == 403


def test_a_foreign_program_is_not_found(operator: Client) -> None:
    make_program(Workspace.objects.create(name="Other", slug="other"))
    answer = operator.get("/programs/support-reply/")
    assert answer.status_code == 404
    assert "There is no program “support-reply” in Support team." in text(answer)


def test_calls_that_do_not_wait_for_each_other_stand_in_one_column() -> None:
    node = SPEC["nodes"][0]
    spec = {
        "inputs": ["ticket"],
        "nodes": [node, {**node, "id": "second"}, {**node, "id": "join", "prompt": "{draft} {second}"}],
        "output": "join",
    }
    sketch = program_sketch(build_program(spec), ("ticket",))
    places = {box.name: (box.x, box.y) for box in sketch.boxes}
    assert places["draft"][0] == places["second"][0] < places["join"][0]
    assert places["draft"][1] < places["second"][1]
    assert len(sketch.edges) == 4
