"""The desk over REST: panels, assignment, one's mail, one's desk, gold items, the model judge: all that their pages can do."""

from __future__ import annotations

from django.core import mail

from optimization.models import FeedbackRequest, Membership, Panel, Run, Skip
from tests.api.conftest import As
from tests.api.test_feedback import answer, ask, run
from tests.feedback.scene import rubric

__all__ = ["run"]

Members = dict[str, Membership]


def test_a_panel_is_made_changed_and_dissolved(as_role: As, members: Members) -> None:
    script = as_role("operator")
    made = script.post("/panels", {"name": "Experts", "members": ["annotator", "operator"]})
    assert made.status_code == 201, made.content
    address = made["Location"].removeprefix("/api/v1")
    assert script.get(address).json()["members"] == ["annotator", "operator"]
    changed = script.send("PUT", address, {"name": "Lamp experts", "members": ["operator"]})
    assert changed.json()["name"] == "Lamp experts"
    assert [row["name"] for row in script.get("/panels").json()["items"]] == ["Lamp experts"]
    assert script.send("DELETE", address).status_code == 204
    assert not Panel.objects.exists()


def test_a_stranger_in_a_panel_is_pointed_to(as_role: As) -> None:
    refused = as_role("operator").post("/panels", {"name": "Experts", "members": ["annotator", "ghost"]})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"detail": "There is nobody called “ghost” in this workspace.", "pointer": "#/members/1"}
    ]


def test_a_taken_name_is_refused_in_words(as_role: As) -> None:
    script = as_role("operator")
    script.post("/panels", {"name": "Experts", "members": ["annotator"]})
    again = script.post("/panels", {"name": "Experts", "members": ["operator"]})
    assert again.status_code == 409
    assert "There is a panel “Experts” already" in again.json()["detail"]


def test_what_waits_is_put_to_one_person(as_role: As, run: Run) -> None:
    ask(run, 2)
    script = as_role("operator")
    put = script.send("PUT", f"/feedback/waiting/{run.pk}", {"person": "annotator"})
    assert (put.status_code, put.json()) == (200, {"questions": 2})
    [row] = script.get("/feedback/waiting").json()
    assert (row["run"], row["questions"], row["answers"], row["asked"]) == (run.pk, 2, 2, ["annotator"])
    assert script.post("/feedback/claim").status_code == 204
    assert as_role("annotator").post("/feedback/claim").status_code == 200
    refused = script.send("PUT", f"/feedback/waiting/{run.pk}", {"person": "ghost"})
    assert refused.status_code == 409


def test_ones_mail_is_read_and_set(as_role: As, members: Members) -> None:
    script = as_role("annotator")
    assert script.get("/me/mail").json() == {"email": "", "digest": True}
    sent = {"email": "ann@example.org", "digest": False}
    assert script.send("PUT", "/me/mail", sent).json() == sent
    members["annotator"].refresh_from_db()
    assert (members["annotator"].user.email, members["annotator"].mail_digest) == ("ann@example.org", False)
    wrong = script.send("PUT", "/me/mail", {"email": "not an address", "digest": True})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "#/email"
    assert mail.outbox == []


def test_ones_desk_says_what_waits_and_why_nothing_does(as_role: As, run: Run) -> None:
    script = as_role("annotator")
    empty = script.get("/feedback/desk").json()
    assert (empty["today"], empty["waiting"]) == (0, 0)
    assert empty["reason"].startswith("Nothing waits for you.")
    ask(run, 2)
    answer(script, script.post("/feedback/claim").json())
    told = script.get("/feedback/desk").json()
    assert (told["today"], told["reason"]) == (1, "")


def test_a_skip_is_listed_and_taken_back(as_role: As, run: Run) -> None:
    ask(run)
    script = as_role("annotator")
    asked = script.post("/feedback/claim").json()["request"]["id"]
    script.post(f"/feedback/requests/{asked}/skip", {"reason": "Not my language"})
    [listed] = script.get("/feedback/skips").json()["items"]
    assert (listed["request"], listed["reason"]) == (asked, "Not my language")
    back = script.post(f"/feedback/requests/{asked}/take-back")
    assert back.status_code == 200, back.content
    assert not Skip.objects.exists()
    assert answer(script, back.json()).status_code == 201
    assert script.post(f"/feedback/requests/{asked}/take-back").status_code == 409


def test_an_answer_becomes_a_gold_item(as_role: As, run: Run) -> None:
    ask(run)
    script = as_role("annotator")
    given = answer(script, script.post("/feedback/claim").json()).json()["answer_id"]
    made = as_role("operator").post(f"/quality/answers/{given}/gold")
    assert made.status_code == 201, made.content
    assert made.json()["expected"]["score"] == 5
    assert as_role("operator").post("/quality/answers/999999/gold").status_code == 404


def test_gold_items_are_imported_in_bulk_with_an_error_a_row(as_role: As) -> None:
    question = rubric("Thank you.").model_dump(mode="json")
    rows = [
        {"question": question, "expected": {"score": 5}},
        {"question": question, "expected": {"score": 17}},
        {"question": question},
    ]
    done = as_role("operator").post("/quality/gold/import", {"rows": rows})
    assert (done.status_code, done.json()["taken"]) == (200, 1), done.content
    assert [error["row"] for error in done.json()["errors"]] == [1, 2]
    assert "no JSON object" in done.json()["errors"][1]["detail"]


def test_the_model_judge_is_compared_with_people(as_role: As, run: Run) -> None:
    script = as_role("operator")
    assert script.get("/quality/colleague").status_code == 204
    [request] = ask(run)
    for_it = {"kind": "rubric", "score": 1}
    run.opinions.create(
        workspace=run.workspace, key=request.key, kind="rubric", model="m", body=for_it, samples=3, sure=1.0
    )
    annotator = as_role("annotator")
    answer(annotator, annotator.post("/feedback/claim").json())
    told = script.get(f"/quality/colleague?run={run.pk}").json()
    assert (told["asked"], told["compared"], told["agreement"]["value"]) == (1, 1, 0.0)
    assert told["confusion"] == [{"model": "1", "people": "5", "times": 1}]
    assert script.get("/quality/colleague?run=99999").status_code == 404
    assert FeedbackRequest.objects.count() == 1
