"""The table of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.runs.listing import SHOWS, Order
from optimization.runs.selectors import run_counts, runs_page

SHOW_NAMES = {
    "": "All",
    "waiting": "Waiting for people",
    "running": "Running",
    "attention": "Need attention",
    "paused": "Paused",
    "finished": "Finished",
    "cancelled": "Cancelled",
}
ORDER_NAMES: dict[Order, str] = {
    "newest": "newest first",
    "changed": "last changed first",
    "name": "by name",
}


@dataclass(frozen=True)
class Filter:
    """A choice above the table, with how many runs it shows."""

    name: str
    query: str
    number: int
    chosen: bool


@requires(Action.RUNS_READ)
@require_safe
def runs_table(request: WorkspaceRequest) -> HttpResponse:
    show = request.GET.get("show", "") if request.GET.get("show") in SHOWS else ""
    search = request.GET.get("search", "").strip()
    order: Order = next((each for each in get_args(Order) if each == request.GET.get("order")), "newest")
    page = runs_page(
        request.workspace,
        show=show,
        search=search,
        order=order,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    kept = {"search": search, "order": order if order != "newest" else ""}
    context = {
        "page": page,
        "previous_query": _query(show=show, **kept, before=page.before) if page.before else "",
        "next_query": _query(show=show, **kept, after=page.after) if page.after else "",
        "show": show,
        "search": search,
        "order": order,
        "orders": ORDER_NAMES.items(),
        "filters": _filters(run_counts(request.workspace), show, kept),
        "may_write": member_may(request.membership, Action.RUNS_WRITE),
    }
    template = "runs/parts/table.html" if request.headers.get("HX-Request") else "runs/runs.html"
    return render(request, template, context)


def _filters(counts: dict[str, int], show: str, kept: dict[str, str]) -> list[Filter]:
    """All, and each kind of which there is a run."""
    return [
        Filter(title, _query(show=name, **kept), counts[name or "all"], chosen=name == show)
        for name, title in SHOW_NAMES.items()
        if counts[name or "all"] or name in {"", show}
    ]


def _query(**parts: str) -> str:
    return urlencode({name: value for name, value in parts.items() if value})
