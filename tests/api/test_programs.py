"""Programs over REST: a fault is pointed to where it stands in the body."""

from tests.api.conftest import As
from tests.catalog.test_programs import SPEC, changed


def test_a_program_comes_in_and_can_be_read(as_role: As) -> None:
    script = as_role("operator")
    made = script.post("/programs", {"name": "mail", "title": "Mail", "spec": SPEC})
    assert made.status_code == 201, made.content
    assert made["Location"] == "/api/v1/programs/mail"
    assert script.get("/programs/mail").json()["spec"] == SPEC
    assert [program["title"] for program in script.get("/programs").json()["items"]] == ["Mail"]


def test_a_second_version_is_the_latest(as_role: As) -> None:
    script = as_role("operator")
    script.post("/programs", {"name": "mail", "spec": SPEC})
    script.post("/programs", {"name": "mail", "spec": changed(nodes__0__prompt="Mail: {ticket}")})
    program = script.get("/programs/mail").json()
    assert program["latest"]["number"] == 2
    assert [version["number"] for version in program["versions"]] == [2, 1]


def test_a_template_that_names_no_node_is_pointed_to(as_role: As) -> None:
    refused = as_role("operator").post(
        "/programs", {"name": "mail", "spec": changed(nodes__1__prompt="{nobody}")}
    )
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/spec/nodes/1/prompt"
