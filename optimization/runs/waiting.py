"""What waits for people, run by run: how much, since when, and who is at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, Min, Sum
from django.utils import timezone

from optimization.models import Audience, Claim, ClaimState, FeedbackRequest, RequestState, Run, Workspace


@dataclass(frozen=True)
class WaitingRun:
    """`answers` are still missing to `questions` open ones; `judges` hold one just now."""

    run: Run
    questions: int
    answers: int
    since: datetime
    judges: tuple[str, ...]


def runs_waiting(workspace: Workspace) -> list[WaitingRun]:
    """The runs that have questions for people, who has waited longest first. Four queries, however many there are."""
    asked = FeedbackRequest.objects.filter(
        workspace=workspace, audience=Audience.PEOPLE, state=RequestState.OPEN
    )
    wanted = asked.values_list("run").annotate(Count("pk"), places=Sum("wanted"), since=Min("created_at"))
    given = dict(asked.values_list("run").annotate(Count("answers")).order_by())
    rows = list(wanted.order_by("since"))
    runs = Run.objects.select_related("program_version__program").in_bulk([row[0] for row in rows])
    judges = _judges(workspace)
    return [
        WaitingRun(runs[run], questions, places - given.get(run, 0), since, tuple(judges.get(run, ())))
        for run, questions, places, since in rows
    ]


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
