"""Every role against every address, verb and socket that the URL map has, held against one table."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from feedback_ui.routing import websocket_urlpatterns
from optimization.models import (
    Dataset,
    DatasetVersion,
    Membership,
    Program,
    ProgramVersion,
    Run,
    RunState,
    Workspace,
)
from tests.accounts.access_table import ANYBODY, API, PAGES, SOCKETS, STRANGER, Who

Members = dict[str, Membership]
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TABLE = PAGES | API
# What answers nobody: the root that only gives the API's addresses their common beginning.
NOT_A_ROUTE = {"api/v1/"}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        elif route not in NOT_A_ROUTE:
            yield route


MAPPED = sorted(set(routes(get_resolver().url_patterns)))
MAPPED_SOCKETS = sorted({str(entry.pattern) for entry in websocket_urlpatterns})
ROWS = [(route, verb, who) for route, verbs in TABLE.items() for verb, who in verbs.items()]
UNLISTED = [(route, verb) for route, verbs in TABLE.items() for verb in VERBS if verb not in verbs]


def address(route: str) -> str:
    """The route with names of things that nobody has."""

    def value(match: re.Match[str]) -> str:
        converter, name = match[1] or "", match[2]
        if converter == "uuid":
            return "00000000-0000-4000-8000-000000000000"
        whole = converter == "int" or name.endswith(("_id", "number", "iteration"))
        return "999999999" if whole else "nothing-of-that-name"

    return "/" + re.sub(r"<(?:(\w+):)?(\w+)>", value, route)


def ask(members: Members, role: str, route: str, verb: str) -> HttpResponse:
    client = Client(raise_request_exception=False)
    if role != STRANGER:
        client.force_login(members[role].user)
    return client.generic(verb, address(route), content_type="application/json")


def denied(response: HttpResponse) -> bool:
    to_sign_in = response.status_code == 302 and response["Location"].startswith("/sign-in/?next=")
    return response.status_code in {401, 403} or to_sign_in


def test_every_address_of_the_url_map_has_a_row_and_every_row_an_address() -> None:
    assert set(MAPPED) - set(TABLE) == set(), "give these addresses a row in access_table.py"
    assert set(TABLE) - set(MAPPED) == set(), "these rows have no address any more"


def test_every_socket_has_a_row_and_every_row_a_socket() -> None:
    assert set(SOCKETS) == set(MAPPED_SOCKETS)


@pytest.mark.parametrize("role", sorted(ANYBODY))
@pytest.mark.parametrize(("route", "verb", "who"), ROWS, ids=[f"{verb} {route}" for route, verb, _ in ROWS])
def test_only_who_the_table_names_gets_in(
    members: Members, route: str, verb: str, who: Who, role: str
) -> None:
    response = ask(members, role, route, verb)
    assert denied(response) is (role not in who), (response.status_code, response.content[:300])
    assert response.status_code not in {405, 500}, response.content[:300]


@pytest.mark.parametrize(("route", "verb"), UNLISTED, ids=[f"{verb} {route}" for route, verb in UNLISTED])
def test_a_verb_that_the_table_does_not_name_is_nobodys(members: Members, route: str, verb: str) -> None:
    may_most = STRANGER if ANYBODY in TABLE[route].values() else "admin"
    response = ask(members, may_most, route, verb)
    assert response.status_code == 405, f"{verb} {route} answered {response.status_code}: give it a row"


@pytest.fixture
def run(workspace: Workspace, members: Members) -> Run:
    program = Program.objects.create(workspace=workspace, name="p", title="P")
    dataset = Dataset.objects.create(workspace=workspace, name="d", title="D")
    return Run.objects.create(
        workspace=workspace,
        name="run",
        program_version=ProgramVersion.objects.create(program=program, number=1, spec={}, digest="p"),
        dataset_version=DatasetVersion.objects.create(dataset=dataset, number=1, digest="d"),
        config={},
        state=RunState.PAUSED,
        state_since="2026-01-01T00:00:00Z",
        created_by=members["operator"].user,
    )


@pytest.fixture
def sockets_of_this_process(settings) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.mark.usefixtures("sockets_of_this_process")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", sorted(ANYBODY))
@pytest.mark.parametrize("pattern", sorted(SOCKETS))
async def test_only_who_the_table_names_may_follow_a_socket(
    members: Members, run: Run, pattern: str, role: str
) -> None:
    user = AnonymousUser() if role == STRANGER else members[role].user
    await _expect(pattern, run.pk, user, role in SOCKETS[pattern], 4401 if role == STRANGER else 4403)


@pytest.mark.usefixtures("sockets_of_this_process")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pattern", [pattern for pattern in sorted(SOCKETS) if "(?P<" in pattern])
async def test_nobody_may_follow_a_run_of_another_workspace(members: Members, run: Run, pattern: str) -> None:
    other = await sync_to_async(Workspace.objects.create)(name="Other", slug="other")
    await sync_to_async(Run.objects.filter(pk=run.pk).update)(workspace=other)
    await _expect(pattern, run.pk, members["admin"].user, False, 4403)


async def _expect(pattern: str, run_id: int, user: object, welcome: bool, code: int) -> None:
    path = re.sub(r"\(\?P<\w+>[^)]*\)", str(run_id), pattern).strip("^$")
    scope = {"type": "websocket", "path": f"/{path}", "headers": [], "user": user, "session": {}}
    socket = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output()
    if answer["type"] == "websocket.accept" and not welcome:
        answer = await socket.receive_output()
    assert (answer["type"] == "websocket.accept") is welcome
    assert welcome or answer["code"] == code
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait()
    await sync_to_async(connections.close_all)()
