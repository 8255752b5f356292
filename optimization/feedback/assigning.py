"""Who is asked a run's questions: everybody, the members of a panel, or one person by name."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, QuerySet

from optimization.accounts.permissions import Action
from optimization.accounts.selectors import people_who
from optimization.feedback.errors import FeedbackError
from optimization.feedback.lanes import LANE_OF_AUDIENCE, NOBODY, panel_lane, person_lane
from optimization.feedback.notices import queue_changed
from optimization.models import Audience, RequestState, Run, Workspace

EVERYBODY = LANE_OF_AUDIENCE[Audience.PEOPLE.value]


@dataclass(frozen=True)
class Assignment:
    """The members of a panel, one person, or (neither) everybody who judges."""

    panel: str | None = None
    person: str | None = None


def judges_of(workspace: Workspace) -> QuerySet[User]:
    """The people who may judge in a workspace."""
    return people_who(workspace, Action.FEEDBACK_ANSWER)


def assignment_problem(workspace: Workspace, to: Assignment, wanted: int) -> str:
    """Why questions that want so many annotators cannot be put to them; empty where they can."""
    if to.panel and to.person:
        return "Name a panel or one person, not both."
    if to.person is not None:
        if not judges_of(workspace).filter(username=to.person).exists():
            return f"There is nobody called “{to.person}” who judges here."
        return "" if wanted <= 1 else f"One person cannot give {wanted} answers: ask 1 an output, or a panel."
    if to.panel is not None:
        panel = workspace.panels.filter(name=to.panel).first()
        if panel is None:
            return f"There is no panel “{to.panel}” here: make it on the page of people."
        able = panel.members.filter(pk__in=judges_of(workspace)).count()
        return (
            "" if wanted <= able else f"“{panel}” has {able} who may judge, and {wanted} are asked an output."
        )
    return ""


def assignment_lane(workspace: Workspace, to: Assignment) -> str:
    """The lane of their questions; everybody's where the panel or the person is gone by now."""
    if to.panel and (panel := workspace.panels.filter(name=to.panel).first()):
        return panel_lane(panel.pk)
    if to.person and (person := judges_of(workspace).filter(username=to.person).first()):
        return person_lane(person.pk)
    return EVERYBODY


@transaction.atomic
def questions_assign(*, run: Run, to: Assignment) -> int:
    """Put what a run has waiting to others; how many questions that were. Who holds one keeps it.

    Gold items go with them; a mirrored repeat stays with whoever judged it first. Raises FeedbackError in words.
    """
    waiting = run.feedback_requests.filter(state=RequestState.OPEN, mirror_of=None).exclude(
        audience=Audience.REHEARSAL
    )
    wanted = waiting.aggregate(most=Max("wanted"))["most"] or 1
    if problem := assignment_problem(run.workspace, to, wanted):
        raise FeedbackError(problem)
    moved = waiting.exclude(lane=NOBODY).update(lane=assignment_lane(run.workspace, to))
    queue_changed(run.workspace_id)
    return moved
