"""What every page has: the top line of one's role, a way in and out, and errors in words."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.models import Membership, Workspace
from tests.pages.conftest import Browse
from tests.pages.reading import text

Members = dict[str, Membership]


def navigation(client: Client, address: str) -> list[str]:
    return [item.label for item in client.get(address).context["nav_items"]]


@pytest.mark.parametrize(
    ("role", "labels"),
    [
        ("viewer", ["Programs", "Runs", "Data"]),
        ("annotator", ["Judge", "My answers"]),
        ("operator", ["Programs", "Runs", "Queue", "Data", "Endpoints", "People"]),
        ("admin", ["Programs", "Runs", "Queue", "Data", "Endpoints", "People"]),
    ],
)
def test_the_top_line_leads_to_what_the_role_does(browse: Browse, role: str, labels: list[str]) -> None:
    assert navigation(browse(role), "/runs/") == labels


def test_the_top_line_shows_where_one_is(operator: Client) -> None:
    html = operator.get("/data/import/").content.decode()
    assert '<a href="/data/" aria-current="true">Data</a>' in html
    assert '<a href="/data/" aria-current="page">Data</a>' in operator.get("/data/").content.decode()


def test_a_stranger_has_no_top_line_and_is_asked_to_sign_in(client: Client, db: None) -> None:
    answer = client.get("/runs/", follow=True)
    assert answer.redirect_chain == [("/sign-in/?next=/runs/", 302)]
    assert "Main" not in answer.content.decode()


def test_signing_in_leads_to_the_page_that_was_asked_for(workspace: Workspace) -> None:
    user = User.objects.create_user("ines", password="a long secret")
    Membership.objects.create(workspace=workspace, user=user, role="operator")
    sent = {"username": "ines", "password": "a long secret", "next": "/data/"}
    assert Client().post("/sign-in/", sent)["Location"] == "/data/"


def test_a_wrong_password_is_told_without_saying_which_of_the_two_was_wrong(client: Client, db: None) -> None:
    answer = client.post("/sign-in/", {"username": "ines", "password": "wrong"})
    assert "No account has this name and password together" in text(answer)


def test_signing_out_ends_the_session(operator: Client) -> None:
    assert operator.post("/sign-out/")["Location"] == "/sign-in/"
    assert operator.get("/runs/").status_code == 302


def test_an_unknown_address_is_told_in_words(operator: Client) -> None:
    answer = operator.get("/no/such/page/")
    assert answer.status_code == 404
    assert "No page has this address" in text(answer)


def test_a_page_that_is_not_for_the_role_names_the_roles_that_may(browse: Browse) -> None:
    answer = browse("viewer").get("/endpoints/")
    assert answer.status_code == 403
    assert "This needs the role operator or admin; yours in Support team is viewer." in text(answer)


def test_a_form_that_has_expired_says_what_to_do(members: Members) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(members["operator"].user)
    answer = client.post("/runs/launch/", {})
    assert answer.status_code == 403
    assert "reload the page, and send it again" in text(answer)


def test_a_fault_of_ours_is_told_without_the_database(client: Client, settings, rf) -> None:
    from django.views.defaults import server_error

    answer = server_error(rf.get("/"))
    assert "Nothing that was saved is lost" in text(answer)


def test_nothing_on_a_page_needs_an_inline_script_or_style(operator: Client, rehearsal_endpoint) -> None:
    for address in ("/", "/runs/", "/runs/launch/", "/programs/import/", "/people/tokens/"):
        html = operator.get(address).content.decode()
        assert "<style" not in html
        assert " style=" not in html
        assert " onclick=" not in html
        assert '<script src="' in html
