"""What the queue shows: a question, why there is none, what became of one's answers."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet

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
    ProposalReview,
    RequestState,
    Run,
    RunState,
    Showing,
    Skip,
    Workspace,
    WorkState,
)
from optimization.models.prepared import Prepared

_QUESTION: Prepared[FeedbackRequest] = Prepared(
    lambda workspace, request: FeedbackRequest.objects.filter(workspace=workspace, pk=request),
    *("workspace", "request"),
)


def question_of(*, workspace: Workspace, request_id: int) -> FeedbackRequest | None:
    """A question of the workspace, whoever holds it; None if there is none of that number."""
    return _QUESTION.first(workspace=workspace.pk, request=request_id)


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


def was_put_off(claim: Claim) -> bool:
    """Whether the person has put the question off before. The first claim of a question follows none."""
    if claim.fence == 1:
        return False
    own = Claim.objects.filter(request=claim.request_id, user=claim.user_id)
    return own.filter(state=ClaimState.RELEASED).exists()


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
        asked = FeedbackRequest.objects.filter(run=run, iteration=run.iteration).exclude(
            audience=Audience.CHECK
        )
        states = list(asked.values_list("state", flat=True))
        if RequestState.DISPUTED in states and RequestState.OPEN not in states:
            return f"{name} waits for a reviewer to decide where judges differ"
        return f"{name} waits for others to judge: {states.count(RequestState.ANSWERED)} of {len(states)}"
    done, total = _progress(run)
    return f"{name} is calling models: {done} of {total}" if total else f"{name} is getting ready"


def _progress(run: Run) -> tuple[int, int]:
    """Work items of the effects under way, done and all; one that waits for people has made its calls."""
    effect = Effect.objects.filter(run=run, done_at=None).order_by("iteration", "ordinal").last()
    if effect is None:
        return 0, 0
    states = list(effect.work.values_list("state", flat=True))
    return sum(state in {WorkState.DONE, WorkState.WAITING} for state in states), len(states)
