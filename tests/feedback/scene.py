"""A run that asks people: the rows that the tests of the queue and of its pages begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from optimization.feedback.services import request_open
from optimization.losses.questions import Question, RubricLevel, RubricQuestion
from optimization.models import (
    Activity,
    Claim,
    Dataset,
    DatasetVersion,
    Effect,
    FeedbackRequest,
    Membership,
    Program,
    ProgramVersion,
    Role,
    Run,
    WorkItem,
    Workspace,
    WorkState,
)

LEVELS = (
    RubricLevel(1, "No", "Ignores the problem or gets it wrong"),
    RubricLevel(2, "Barely", "Names the problem, offers nothing to do"),
    RubricLevel(3, "Partly", "A step in the right direction, with a gap"),
    RubricLevel(4, "Mostly", "Solves it; a detail is missing or unclear"),
    RubricLevel(5, "Fully", "Solved, with the policy applied correctly"),
)


def rubric(output: Any = "Hello Dana, your lamp is on its way.", **changes: Any) -> RubricQuestion:
    """A rubric of five levels that wants improvements at and below level 3."""
    return RubricQuestion(
        **{
            "criteria": "Does the reply solve the customer's problem?",
            "output": output,
            "levels": LEVELS,
            "require_feedback": 3.0,
            "context": {"ticket": "Where is my lamp?"},
            **changes,
        }
    )


@dataclass
class Scene:
    """One workspace with one running run; `ask` puts a question of a work item of its own into the queue."""

    workspace: Workspace
    run: Run
    effect: Effect
    numbers: Any = field(default_factory=count)

    @classmethod
    def make(cls, name: str = "Support team") -> Scene:
        workspace = Workspace.objects.create(name=name, slug=name.lower().replace(" ", "-"))
        program = Program.objects.create(workspace=workspace, name="reply", title="Reply")
        dataset = Dataset.objects.create(workspace=workspace, name="tickets", title="Tickets")
        run = Run.objects.create(
            workspace=workspace,
            name="Gentle steps",
            program_version=ProgramVersion.objects.create(program=program, number=1, spec={}, digest="d"),
            dataset_version=DatasetVersion.objects.create(dataset=dataset, number=1, digest="d"),
            config={},
            activity=Activity.PEOPLE,
            state_since=timezone.now(),
            created_by=User.objects.create_user(f"owner of {workspace.slug}"),
        )
        effect = Effect.objects.create(run=run, iteration=0, ordinal=0, kind="forward", digest="d")
        return cls(workspace, run, effect)

    def person(self, name: str, *, rehearsal: bool = False, role: str = Role.ANNOTATOR) -> User:
        user = User.objects.create_user(name)
        Membership.objects.create(workspace=self.workspace, user=user, role=role, is_rehearsal=rehearsal)
        return user

    def member(self, user: User) -> Membership:
        return Membership.objects.get(workspace=self.workspace, user=user)

    def item(self, state: str = WorkState.WAITING) -> WorkItem:
        index = next(self.numbers)
        return WorkItem.objects.create(
            run=self.run,
            effect=self.effect,
            index=index,
            queue="llm",
            kind="forward",
            state=state,
            due_at=timezone.now(),
        )

    def ask(self, question: Question | None = None, **how: Any) -> FeedbackRequest:
        """A question of its own: the output names its item, so that no two are the same."""
        item = self.item()
        asked = question or rubric(f"Hello Dana, your lamp is on its way. ({item.index})")
        return request_open(item=item, key=f"0/0/judge/{item.index}", question=asked, **how)


def let_expire(claim: Claim) -> None:
    """As if the hold's time had run out a minute ago."""
    Claim.objects.filter(pk=claim.pk).update(expires_at=F("expires_at") - timedelta(hours=1))


GOOD = {"score": 4, "improvements": []}
