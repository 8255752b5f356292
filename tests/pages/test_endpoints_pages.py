"""Endpoints: the list, editing one with its key write-only, the test button."""

import pytest
from django.test import Client

from optimization.catalog.endpoints import endpoint_create, endpoint_key
from optimization.models import Endpoint, Workspace
from tests.pages.conftest import Browse
from tests.pages.reading import errors_beside, text


@pytest.fixture
def endpoint(workspace: Workspace) -> Endpoint:
    return endpoint_create(workspace=workspace, name="default", model="gpt-4.1-mini", api_key="sk-secret-1")


def sent(client: Client, address: str, **changes: object) -> dict[str, object]:
    """What a browser sends when nothing but `changes` is changed."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields} | changes
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_the_list_shows_prices_and_limits_and_never_the_key(operator: Client, endpoint: Endpoint) -> None:
    Endpoint.objects.update(input_cost_per_1m="0.4", rate_limit=500)
    answer = operator.get("/endpoints/")
    assert (
        "default gpt-4.1-mini https://api.openai.com/v1 stored 0.4 / 0 64 at once, 500 calls a minute"
        in text(answer)
    )
    assert "sk-secret" not in answer.content.decode()


def test_the_rehearsal_endpoint_is_named_for_what_it_is(
    operator: Client, rehearsal_endpoint: Endpoint
) -> None:
    assert "rehearsal, not a language model" in text(operator.get("/endpoints/"))


def test_an_endpoint_is_added(admin: Client) -> None:
    changes = {"name": "judge", "model": "m", "api_key": "sk-2"}
    answer = admin.post("/endpoints/new/", sent(admin, "/endpoints/new/", **changes))
    assert answer["Location"] == "/endpoints/"
    assert endpoint_key(Endpoint.objects.get(name="judge")) == "sk-2"


def test_the_stored_key_stays_when_none_is_entered_and_is_never_shown(
    admin: Client, endpoint: Endpoint
) -> None:
    address = f"/endpoints/{endpoint.pk}/"
    assert "sk-secret" not in admin.get(address).content.decode()
    admin.post(address, sent(admin, address, model="gpt-5"))
    endpoint.refresh_from_db()
    assert (endpoint.model, endpoint_key(endpoint)) == ("gpt-5", "sk-secret-1")


def test_the_stored_key_can_be_taken_away(admin: Client, endpoint: Endpoint) -> None:
    address = f"/endpoints/{endpoint.pk}/"
    admin.post(address, sent(admin, address, forget_key="on"))
    endpoint.refresh_from_db()
    assert endpoint.api_key_encrypted == ""


@pytest.mark.parametrize(
    ("changes", "field", "error"),
    [
        ({"model": ""}, "model", "This field is required."),
        ({"timeout": "0"}, "timeout", "Ensure this value is greater than or equal to 1."),
        ({"base_url": "ftp://models"}, "base_url", ""),
        ({"name": "Default Model"}, "name", ""),
        ({"base_url": "https://8.8.8.8/v1"}, "api_key", "enter it again for the new host"),
    ],
)
def test_an_error_stands_beside_its_field(
    admin: Client, endpoint: Endpoint, changes: dict[str, str], field: str, error: str
) -> None:
    address = f"/endpoints/{endpoint.pk}/"
    answer = admin.post(address, sent(admin, address, **changes))
    assert answer.status_code == 422
    assert error in errors_beside(answer, field) != ""


def test_a_change_made_meanwhile_by_somebody_else_is_not_overwritten(
    admin: Client, endpoint: Endpoint
) -> None:
    address = f"/endpoints/{endpoint.pk}/"
    mine = sent(admin, address, model="mine")
    admin.post(address, sent(admin, address, model="theirs"))
    answer = admin.post(address, mine)
    assert answer.status_code == 422
    assert "changed or deleted in the meantime" in text(answer)
    endpoint.refresh_from_db()
    assert endpoint.model == "theirs"


def test_an_endpoint_is_deleted_after_a_question(admin: Client, endpoint: Endpoint) -> None:
    assert "Delete the endpoint default?" in text(admin.get(f"/endpoints/{endpoint.pk}/delete/"))
    admin.post(f"/endpoints/{endpoint.pk}/delete/")
    assert not Endpoint.objects.exists()


def test_an_endpoint_that_cannot_be_reached_says_so_beside_the_button(
    operator: Client, rehearsal_endpoint: Endpoint
) -> None:
    Endpoint.objects.update(base_url="http://127.0.0.1:9/v1")
    answer = operator.post(f"/endpoints/{rehearsal_endpoint.pk}/test/")
    assert answer.status_code == 200
    assert "note--alarm" in answer.content.decode()
    assert "127.0.0.1:9" in text(answer)


def test_an_operator_tests_and_does_not_edit(browse: Browse, endpoint: Endpoint) -> None:
    operator = browse("operator")
    assert "Test" in text(operator.get("/endpoints/"))
    assert operator.get(f"/endpoints/{endpoint.pk}/").status_code == 403


def test_who_may_not_edit_is_told_who_does(operator: Client, admin: Client, endpoint: Endpoint) -> None:
    told = "An admin adds and changes them."
    assert told in text(operator.get("/endpoints/"))
    assert told not in text(admin.get("/endpoints/"))


def test_a_foreign_endpoint_is_not_found(admin: Client, endpoint: Endpoint) -> None:
    Endpoint.objects.update(workspace=Workspace.objects.create(name="Other", slug="other"))
    answer = admin.get(f"/endpoints/{endpoint.pk}/")
    assert answer.status_code == 404
    assert f"There is no endpoint {endpoint.pk} in Support team." in text(answer)
