"""The lanes of the queue: each is one index range in the order in which it is worked off.

A question stands in one lane, and a person looks at the heads of theirs: all people's, those of their panels, and their
own. So the price of a claim does not depend on how many questions wait in the lanes of others.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

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


def with_lanes(members: QuerySet[Membership]) -> QuerySet[Membership]:
    """Each membership with `has_panel` and `has_own`: whether it has more lanes than everybody's."""
    own = Concat(Value("person:"), Cast(OuterRef("user_id"), CharField()))
    return members.annotate(
        has_panel=Exists(Panel.objects.filter(workspace=OuterRef("workspace"), members=OuterRef("user"))),
        has_own=Exists(waiting().filter(workspace=OuterRef("workspace"), lane=own)),
    )


def lanes_of(member: Any) -> list[str]:
    """A membership's lanes, their own first; one from `with_lanes` is asked for no more than it has."""
    if member.is_rehearsal:
        return [LANE_OF_AUDIENCE[Audience.REHEARSAL]]
    panels = (
        Panel.objects.filter(workspace=member.workspace_id, members=member.user_id).values_list(
            "pk", flat=True
        )
        if getattr(member, "has_panel", True)
        else ()
    )
    own = [person_lane(member.user_id)] if getattr(member, "has_own", True) else []
    return [*own, *map(panel_lane, panels), LANE_OF_AUDIENCE[Audience.PEOPLE]]


def lane_dissolve(panel: Panel) -> None:
    """The panel goes, and its questions are everybody's."""
    with transaction.atomic():
        waits = FeedbackRequest.objects.filter(workspace=panel.workspace_id, lane=panel_lane(panel.pk))
        waits.update(lane=LANE_OF_AUDIENCE[Audience.PEOPLE.value])
        panel.delete()


def waiting() -> QuerySet[FeedbackRequest]:
    """Open questions with a free place: what the index `queue_order` holds."""
    return FeedbackRequest.objects.filter(state=RequestState.OPEN, taken__lt=F("wanted"))


def place_in_order(request: FeedbackRequest) -> tuple[float, ...]:
    """What sorts questions of several lanes as ORDER does those of one."""
    return (-request.urgency, -request.priority, (request.deadline or NEVER).timestamp(), request.pk)
