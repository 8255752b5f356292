"""What a run has used so far: calls, tokens and dollars, people's answers and minutes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from optimization.llm.messages import Usage
from optimization.models import Answer, Call, Membership, Run


@dataclass(frozen=True)
class RunUsage:
    """`answers` are those of people; rehearsal colleagues' stand apart and take nobody's minutes."""

    usage: Usage
    answers: int
    human_seconds: float
    rehearsal_answers: int

    @property
    def human_minutes(self) -> int:
        return round(self.human_seconds / 60)


def run_usage(run: Run) -> RunUsage:
    spent = Call.objects.filter(run=run).aggregate(
        calls=Count("pk"), prompt=Sum("prompt_tokens"), completion=Sum("completion_tokens"), cost=Sum("cost")
    )
    colleagues = Membership.objects.filter(workspace=run.workspace_id, is_rehearsal=True).values("user")
    by_people = ~Q(user__in=colleagues)
    answered = Answer.objects.filter(request__run=run).aggregate(
        people=Count("pk", filter=by_people),
        seconds=Sum("seconds", filter=by_people),
        every=Count("pk"),
    )
    return RunUsage(
        usage=Usage(
            calls=spent["calls"],
            prompt_tokens=spent["prompt"] or 0,
            completion_tokens=spent["completion"] or 0,
            cost=spent["cost"] or 0.0,
        ),
        answers=answered["people"],
        human_seconds=answered["seconds"] or 0.0,
        rehearsal_answers=answered["every"] - answered["people"],
    )
