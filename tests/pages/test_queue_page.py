"""The queue as an operator sees it."""

from django.contrib.auth.models import User
from django.test import Client

from optimization.models import Membership, Workspace
from tests.factories import make_claim, make_run, make_waiting
from tests.pages.reading import text


def test_it_says_run_by_run_what_waits_and_who_is_at_it(
    operator: Client, workspace: Workspace, members: dict[str, Membership], people: list[User]
) -> None:
    run = make_run(workspace, members["operator"].user)
    requests = make_waiting(run, people)
    make_claim(requests[-1], members["annotator"].user)
    shown = text(operator.get("/queue/"))
    assert "Support replies, gentle steps Support reply 3 3" in shown
    assert "annotator" in shown


def test_an_empty_one_says_what_it_waits_for(operator: Client) -> None:
    shown = text(operator.get("/queue/"))
    assert "Nothing waits for people" in shown
    assert "No run is under way" in shown
