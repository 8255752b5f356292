"""Pages of a list neither repeat nor lose a row while others come and go."""

import pytest

from optimization.catalog.endpoints import endpoint_create
from optimization.models import Endpoint, Workspace
from tests.api.conftest import As


@pytest.fixture
def endpoints(workspace: Workspace) -> None:
    for number in range(7):
        endpoint_create(workspace=workspace, name=f"e{number}", model="m")


def names(page: dict) -> list[str]:
    return [item["name"] for item in page["items"]]


@pytest.mark.parametrize("sort", ["name", "-name"])
def test_following_next_gives_every_row_once(as_role: As, endpoints: None, sort: str) -> None:
    script, seen, cursor = as_role("admin"), [], ""
    while True:
        page = script.get(f"/endpoints?limit=3&sort={sort}{cursor}").json()
        seen += names(page)
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == sorted(seen, reverse=sort == "-name")
    assert len(seen) == 7


def test_a_row_that_goes_takes_no_other_along(as_role: As, endpoints: None) -> None:
    script = as_role("admin")
    page = script.get("/endpoints?limit=3").json()
    Endpoint.objects.filter(name="e1").delete()
    assert names(script.get(f"/endpoints?limit=3&cursor={page['next']}").json()) == ["e3", "e4", "e5"]


@pytest.mark.parametrize("cursor", ["x", "!!!", "WyJuYW1lIl0", "bnVsbA", "WyJuYW1lIiwgW10sIDFd"])
def test_a_cursor_of_ones_own_making_is_refused(as_role: As, endpoints: None, cursor: str) -> None:
    response = as_role("admin").get(f"/endpoints?cursor={cursor}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "cursor"


def test_a_cursor_belongs_to_its_order(as_role: As, endpoints: None) -> None:
    script = as_role("admin")
    cursor = script.get("/endpoints?limit=3").json()["next"]
    assert "order name" in script.get(f"/endpoints?sort=-name&cursor={cursor}").json()["detail"]
