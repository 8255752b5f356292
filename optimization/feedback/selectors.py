"""What the queue shows: counts, why it is empty, what became of one's answers."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from optimization.feedback.ahead import reservations_of
from optimization.feedback.audience import questions_for
from optimization.feedback.skips import skips_of
from optimization.models import (
    Activity,
    Answer,
    AnswerVersion,
    Application,
    Audience,
    Claim,
    ClaimState,
    Effect,
    FeedbackRequest,
    Membership,
    ProposalReview,
    RequestState,
    Run,
    RunState,
    Showing,
    Skip,
    Workspace,
    WorkState,
)

COUNT_CAP = 1000
OTHERS = 2


@dataclass(frozen=True)
class QueueCounts:
    """A person's day: answers given since midnight, questions that they could judge now (COUNT_CAP at most), and the
    names of others who judge at this moment."""

    today: int
    waiting: int
    others: tuple[str, ...] = ()

    @property
    def company(self) -> str:
        """Who else is judging: "Ines", "Ines and Omar", "Ines, Omar and more"; empty for nobody."""
        if len(self.others) > OTHERS:
            return f"{', '.join(self.others[:OTHERS])} and more"
        return " and ".join(self.others)


def queue_counts(*, workspace: Workspace, user: User) -> QueueCounts:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = Answer.objects.filter(request__workspace=workspace, user=user, created_at__gte=midnight).count()
    member = Membership.objects.filter(workspace=workspace, user=user).first()
    waiting = questions_for(member)[:COUNT_CAP].count() if member else 0
    waiting += reservations_of(user.pk, workspace.pk).filter(ahead=True).count()
    others = tuple(others_at_work(workspace=workspace, user=user))
    return QueueCounts(today=today, waiting=waiting, others=others)


def others_at_work(*, workspace: Workspace, user: User) -> list[str]:
    """First names of other people who hold a question in this moment, OTHERS + 1 at most."""
    holding = Claim.objects.filter(
        state=ClaimState.ACTIVE, expires_at__gt=Now(), request__workspace=workspace
    ).exclude(Q(user=user) | Q(request__audience=Audience.REHEARSAL))
    people = User.objects.filter(pk__in=holding.values("user")).order_by("pk")[: OTHERS + 1]
    return [person.first_name or person.get_username() for person in people]


def queue_waiting_reason(*, workspace: Workspace, user: User) -> str:
    """One sentence or two for an empty page: what it waits for, and whether anything is to be done."""
    runs = Run.objects.filter(workspace=workspace)
    if run := runs.filter(state=RunState.RUNNING).order_by("activity", "-pk").first():
        return f"Nothing waits for you. {_doing(run)}; new items appear here by themselves."
    if run := runs.filter(state=RunState.NEEDS_ATTENTION).last():
        return f"Nothing waits for you. Run “{run.name}” has stopped and needs an operator's attention."
    if run := runs.filter(state=RunState.PAUSED).last():
        return f"Nothing waits for you. Run “{run.name}” is paused; when it goes on, new items appear here."
    return "Nothing waits for you. No run is under way; when one is launched, its items appear here by themselves."


def was_put_off(*, request: FeedbackRequest, user: User) -> bool:
    """Whether this person has put the question off before."""
    return Claim.objects.filter(request=request, user=user, state=ClaimState.RELEASED).exists()


def answers_of(*, workspace: Workspace, user: User) -> QuerySet[Answer]:
    """A person's answers, the newest first, with their questions and the steps that used them."""
    steps = Application.objects.select_related("step").order_by("step__revision")
    return (
        Answer.objects.filter(request__workspace=workspace, user=user)
        .select_related("request__run")
        .prefetch_related(
            Prefetch("applications", queryset=steps),
            Prefetch("versions", queryset=AnswerVersion.objects.order_by("number")),
            Prefetch("request__showings", queryset=Showing.objects.filter(user=user)),
        )
        .order_by("-pk")
    )


def deed_last(*, workspace: Workspace, user: User) -> Answer | Skip | None:
    """What a person did last of what can be undone: an answer, or a question passed on that nobody else has taken."""
    answer = answers_of(workspace=workspace, user=user).first()
    skip = skips_of(workspace=workspace, user=user).first()
    if answer and skip:
        return answer if answer.created_at > skip.created_at else skip
    return answer or skip


def _doing(run: Run) -> str:
    name = f"Run “{run.name}”"
    if run.activity == Activity.PEOPLE:
        if ProposalReview.objects.filter(run=run, decision="", item__state=WorkState.WAITING).exists():
            return f"{name} waits for an operator to decide on its rewritten prompts"
        asked = FeedbackRequest.objects.filter(run=run, iteration=run.iteration)
        answered = asked.filter(state=RequestState.ANSWERED).count()
        return f"{name} waits for others to judge: {answered} of {asked.count()}"
    done, total = _progress(run)
    return f"{name} is calling models: {done} of {total}" if total else f"{name} is getting ready"


def _progress(run: Run) -> tuple[int, int]:
    """Work items of the effects under way, done and all; one that waits for people has made its calls."""
    effect = Effect.objects.filter(run=run, done_at=None).order_by("iteration", "ordinal").last()
    if effect is None:
        return 0, 0
    states = list(effect.work.values_list("state", flat=True))
    return sum(state in {WorkState.DONE, WorkState.WAITING} for state in states), len(states)
