"""The table of runs: filters, search, orders and cursor pages, in a fixed number of queries."""

import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from optimization.models import Membership, Run, RunState, Workspace
from optimization.runs.listing import ORDERS, Order
from optimization.runs.selectors import run_counts, runs_page
from tests.factories import make_iteration, make_run, make_stopped, make_waiting
from tests.pace import best_of

Members = dict[str, Membership]


@pytest.fixture
def runs(workspace: Workspace, members: Members) -> list[Run]:
    """Seven runs, "Run 0" the oldest."""
    made = [make_run(workspace, members["operator"].user, name=f"Run {number}") for number in range(7)]
    for number, run in enumerate(made):
        Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(hours=9 - number))
    return made


def names(page) -> list[str]:
    return [row.run.name for row in page.rows]


def test_pages_follow_each_other_and_lead_back(workspace: Workspace, runs: list[Run]) -> None:
    first = runs_page(workspace, size=3)
    second = runs_page(workspace, size=3, after=first.after)
    third = runs_page(workspace, size=3, after=second.after)
    assert [names(page) for page in (first, second, third)] == [
        ["Run 6", "Run 5", "Run 4"],
        ["Run 3", "Run 2", "Run 1"],
        ["Run 0"],
    ]
    assert (first.before, third.after) == ("", "")
    assert names(runs_page(workspace, size=3, before=third.before)) == names(second)
    back = runs_page(workspace, size=3, before=second.before)
    assert (names(back), back.before) == (names(first), "")


def test_a_run_launched_meanwhile_moves_no_page(
    workspace: Workspace, members: Members, runs: list[Run]
) -> None:
    first = runs_page(workspace, size=3)
    make_run(workspace, members["operator"].user, name="New")
    assert names(runs_page(workspace, size=3, after=first.after)) == ["Run 3", "Run 2", "Run 1"]


def test_an_unreadable_cursor_gives_the_first_page(workspace: Workspace, runs: list[Run]) -> None:
    for cursor in ("?", "AAAA", runs_page(workspace, size=2, order="name").after):
        assert names(runs_page(workspace, size=2, after=cursor)) == ["Run 6", "Run 5"]


def test_states_are_counted_and_filtered_by(workspace: Workspace, members: Members, runs: list[Run]) -> None:
    make_waiting(runs[0], [members["annotator"].user])
    make_stopped(runs[1], RunState.PAUSED, "Paused.")
    assert {name: number for name, number in run_counts(workspace).items() if number} == {
        "all": 7,
        "waiting": 1,
        "running": 6,
        "paused": 1,
    }
    assert names(runs_page(workspace, show="waiting")) == ["Run 0"]
    assert names(runs_page(workspace, show="paused")) == ["Run 1"]


def test_search_finds_a_part_of_the_name(workspace: Workspace, runs: list[Run]) -> None:
    assert names(runs_page(workspace, search="un 3")) == ["Run 3"]


def test_names_can_be_sorted(workspace: Workspace, runs: list[Run]) -> None:
    assert names(runs_page(workspace, order="name", size=2)) == ["Run 0", "Run 1"]


def test_a_row_says_where_its_score_began_and_stands(
    workspace: Workspace, members: Members, runs: list[Run]
) -> None:
    make_iteration(runs[6], 0.7, [members["annotator"].user])
    row = runs_page(workspace, size=1).rows[0]
    assert (row.first_score, row.score, row.iterations) == (0.41, 0.7, 5)
    assert row.cost == pytest.approx(8 * 0.0011)


def test_other_workspaces_are_not_seen(runs: list[Run]) -> None:
    assert not runs_page(Workspace.objects.create(name="Other", slug="other")).rows


def test_rows_cost_no_queries_of_their_own(
    workspace: Workspace, runs: list[Run], django_assert_num_queries
) -> None:
    for run in runs:
        make_waiting(run, [run.created_by])
    with django_assert_num_queries(11):
        runs_page(workspace, size=1)
    with django_assert_num_queries(11):
        runs_page(workspace, size=7)


@pytest.mark.parametrize(
    ("order", "index"), [("newest", "newest_first"), ("changed", "by_change"), ("name", "by_name")]
)
def test_each_order_follows_an_index(workspace: Workspace, order: Order, index: str) -> None:
    field, descending = ORDERS[order]
    sign = "-" if descending else ""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # which would else scan and sort a table as small as this
            for costly in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{costly} TO off")
    plan = Run.objects.filter(workspace=workspace).order_by(f"{sign}{field}", f"{sign}pk")[:51].explain()
    assert f"runs_{index}" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_ten_thousand_runs_are_no_slower(workspace: Workspace, members: Members) -> None:
    run = make_run(workspace, members["operator"].user)
    Run.objects.bulk_create(
        Run(**{**_columns(run), "name": f"Run {number}", "state": RunState.FINISHED})
        for number in range(10_000)
    )

    def seconds(choice: dict[str, str]) -> float:
        begun = time.perf_counter()
        runs_page(workspace, **choice)
        run_counts(workspace)
        return time.perf_counter() - begun

    for choice in ({}, {"order": "name"}, {"show": "finished"}, {"search": "run 99"}):
        assert best_of(partial(seconds, choice), 0.2) < 0.2


def _columns(run: Run) -> dict[str, object]:
    return {
        field.attname: getattr(run, field.attname)
        for field in Run._meta.concrete_fields
        if not field.primary_key
    }
