"""The table of runs: what it shows of each, and how it is narrowed."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from optimization.models import Membership, Run, RunState, Workspace
from tests.factories import make_run, make_stopped, make_waiting
from tests.pages.reading import text

Members = dict[str, Membership]


def link(response: HttpResponse, rel: str) -> str:
    """The query of the link to the next or the previous page."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return unescape(found.group(1)) if found else ""


@pytest.fixture
def runs(workspace: Workspace, members: Members) -> list[Run]:
    operator = members["operator"].user
    waiting = make_run(workspace, operator, name="Waiting one")
    make_waiting(waiting, [members["annotator"].user])
    paused = make_stopped(
        make_run(workspace, operator, name="Paused one"), RunState.PAUSED, "Paused by Ines."
    )
    return [waiting, paused]


def test_each_line_says_its_state_as_a_sentence(operator: Client, runs: list[Run]) -> None:
    shown = text(operator.get("/runs/"))
    assert "Waiting for people: 5 of 8, about 2 min" in shown
    assert "Paused by Ines" in shown
    assert "0 of 5" in shown


def test_only_kinds_that_there_are_can_be_chosen(operator: Client, runs: list[Run]) -> None:
    filters = operator.get("/runs/").context["filters"]
    assert [(each.name, each.number) for each in filters] == [
        ("All", 2),
        ("Waiting for people", 1),
        ("Running", 1),
        ("Paused", 1),
    ]


@pytest.mark.parametrize("query", ["show=paused", "search=paused", "order=name&show=paused"])
def test_it_is_narrowed_by_state_and_name(operator: Client, runs: list[Run], query: str) -> None:
    shown = text(operator.get(f"/runs/?{query}"))
    assert "Paused one" in shown
    assert "Waiting one" not in shown


def test_a_search_that_finds_nothing_says_so(operator: Client, runs: list[Run]) -> None:
    assert "No run has “lamp” in its name and is in this state." in text(
        operator.get("/runs/?search=lamp&show=paused")
    )


def test_an_empty_table_offers_the_first_launch(operator: Client) -> None:
    shown = text(operator.get("/runs/"))
    assert "No run yet" in shown
    assert "Launch the first" in shown


def test_older_runs_are_a_page_away_and_the_filter_stays(
    operator: Client, workspace: Workspace, members: Members
) -> None:
    for number in range(51):
        make_run(workspace, members["operator"].user, name=f"Run {number}")
    first = operator.get("/runs/?show=running")
    assert "Run 50" in text(first)
    second = operator.get(f"/runs/{link(first, 'next')}")
    assert [row.run.name for row in second.context["page"].rows] == ["Run 0"]
    assert "show=running" in link(second, "prev")
    assert "Run 50" in text(operator.get(f"/runs/{link(second, 'prev')}"))
