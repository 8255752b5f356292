"""What waits for people, run by run: how much, since when, and who is at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone

from optimization.models import (
    Audience,
    Claim,
    ClaimState,
    FeedbackRequest,
    Panel,
    RequestState,
    Run,
    Workspace,
)
from optimization.runs.people import name_of


@dataclass(frozen=True)
class WaitingRun:
    """`answers` are still missing to `questions` open ones, which ask the people in `asked` (empty: everybody); `judges`
    hold one just now."""

    run: Run
    questions: int
    answers: int
    since: datetime
    judges: tuple[str, ...]
    asked: tuple[str, ...] = ()


def runs_waiting(workspace: Workspace) -> list[WaitingRun]:
    """The runs that have questions for people, who has waited longest first. A few queries, however many there are."""
    asked = FeedbackRequest.objects.filter(
        workspace=workspace, audience=Audience.PEOPLE, state=RequestState.OPEN, twin_of=None
    )
    wanted = asked.values_list("run").annotate(Count("pk"), places=Sum("wanted"), since=Min("created_at"))
    given = dict(asked.values_list("run").annotate(Count("answers")).order_by())
    rows = list(wanted.order_by("since"))
    runs = Run.objects.select_related("program_version__program").in_bulk([row[0] for row in rows])
    judges = _judges(workspace)
    lanes = _asked(asked)
    return [
        WaitingRun(
            run=runs[run],
            questions=questions,
            answers=places - given.get(run, 0),
            since=since,
            judges=tuple(judges.get(run, ())),
            asked=tuple(lanes.get(run, ())),
        )
        for run, questions, places, since in rows
    ]


def _asked(asked: QuerySet[FeedbackRequest]) -> dict[int, list[str]]:
    """By run, the panels and persons whose lanes its questions stand in."""
    pairs = sorted(set(asked.values_list("run", "lane")))
    keys = {lane: lane.partition(":") for _, lane in pairs}
    panels = Panel.objects.in_bulk([int(key) for kind, _, key in keys.values() if kind == "panel"])
    people = User.objects.in_bulk([int(key) for kind, _, key in keys.values() if kind == "person"])
    names: dict[int, list[str]] = {}
    for run, lane in pairs:
        kind, _, key = keys[lane]
        if kind == "panel" and int(key) in panels:
            names.setdefault(run, []).append(panels[int(key)].name)
        elif kind == "person" and int(key) in people:
            names.setdefault(run, []).append(name_of(people[int(key)]))
    return names


def _judges(workspace: Workspace) -> dict[int, list[str]]:
    held = Claim.objects.filter(
        request__workspace=workspace,
        request__audience=Audience.PEOPLE,
        state=ClaimState.ACTIVE,
        expires_at__gt=timezone.now(),
    ).values_list("request__run", "user")
    pairs = sorted(set(held))
    users = User.objects.in_bulk([user for _, user in pairs])
    judges: dict[int, list[str]] = {}
    for run, user in pairs:
        judges.setdefault(run, []).append(users[user].get_full_name() or users[user].get_username())
    return judges
