"""The lanes of the queue: each is one index range in the order in which it is worked off.

A question stands in one lane, and a person looks at the heads of theirs: all people's, those of their panels, and their
own. So the price of a claim does not depend on how many questions wait in the lanes of others.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet

from optimization.models import Audience, FeedbackRequest, Membership, Panel, RequestState
from optimization.models.feedback import NEVER

NOBODY = ""
ORDER = ("-urgency", "-priority", "deadline", "id")
LANE_OF_AUDIENCE = {
    Audience.PEOPLE.value: "people",
    Audience.REHEARSAL.value: "rehearsal",
    Audience.CHECK.value: "people",
}


def panel_lane(panel_id: int) -> str:
    return f"panel:{panel_id}"


def person_lane(user_id: int) -> str:
    return f"person:{user_id}"


def shared_lane(member: Any) -> str:
    """The lane of everybody: of people, or of rehearsal colleagues."""
    return LANE_OF_AUDIENCE[Audience.REHEARSAL if member.is_rehearsal else Audience.PEOPLE]


def with_lanes(members: QuerySet[Membership], own: str) -> QuerySet[Membership]:
    """Each membership with `has_panel` and `has_own`: whether it has more lanes than everybody's.

    `own` is the person's lane, given as a value: of one that is computed the planner believes that it holds a third of
    the queue, and reads all of it.
    """
    return members.annotate(
        has_panel=Exists(Panel.objects.filter(workspace=OuterRef("workspace"), members=OuterRef("user"))),
        has_own=Exists(waiting().filter(workspace=OuterRef("workspace"), lane=own)),
    )


def lanes_of(member: Any) -> list[str]:
    """A membership's lanes, their own first; one from `with_lanes` is asked for no more than it has."""
    shared = shared_lane(member)
    if member.is_rehearsal:
        return [shared]
    own = [person_lane(member.user_id)] if getattr(member, "has_own", True) else []
    return [*own, *panel_lanes(member), shared]


def panel_lanes(member: Any) -> list[str]:
    """Those of a membership's panels; a rehearsal colleague has none."""
    if member.is_rehearsal or not getattr(member, "has_panel", True):
        return []
    panels = Panel.objects.filter(workspace=member.workspace_id, members=member.user_id)
    return [panel_lane(panel) for panel in panels.values_list("pk", flat=True)]


def people_of(lane: str) -> set[int] | None:
    """The users whom a panel's or a person's lane asks; None for one that asks everybody."""
    kind, _, key = lane.partition(":")
    if kind == "person":
        return {int(key)}
    if kind == "panel":
        return set(Panel.objects.filter(pk=key, members__isnull=False).values_list("members", flat=True))
    return None


def waiting() -> QuerySet[FeedbackRequest]:
    """Open questions with a free place: what the index `queue_order` holds."""
    return FeedbackRequest.objects.filter(state=RequestState.OPEN, taken__lt=F("wanted"))


def place_in_order(request: FeedbackRequest) -> tuple[float, ...]:
    """What sorts questions of several lanes as ORDER does those of one."""
    return (-request.urgency, -request.priority, (request.deadline or NEVER).timestamp(), request.pk)
