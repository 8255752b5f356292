"""On what terms a run's questions are put to people, as its configuration says."""

from __future__ import annotations

from typing import Any

from optimization.feedback.assigning import Assignment, assignment_lane
from optimization.models import Audience, Run
from optimization.runs.config import People


def terms_of(run: Run, people: People, audience: str) -> dict[str, Any]:
    """The columns of a request's row. A panel or person that is gone by now leaves the question to everybody."""
    terms: dict[str, Any] = {"wanted": people.wanted}
    if audience != Audience.PEOPLE:
        return terms
    terms |= {"most": people.most, "per_person": people.per_person, "review_below": people.review_below}
    terms |= {"gold": people.gold, "mirrored": people.mirrored}
    if people.panel or people.person:
        terms["lane"] = assignment_lane(run.workspace, Assignment(people.panel, people.person))
    return terms
