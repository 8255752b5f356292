"""What keeps a run from going on by itself: work that fails, and questions that everybody has passed on.

An operator says of each what is to become of it; the run goes on from there. Nothing else of the run is touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Now

from optimization.accounts.permissions import Action, roles_with
from optimization.feedback.lanes import people_of
from optimization.feedback.notices import queue_changed
from optimization.models import (
    Answer,
    Audience,
    Call,
    Example,
    FeedbackRequest,
    Membership,
    RequestState,
    Run,
    RunState,
    Skip,
    WorkItem,
    WorkState,
)
from optimization.runs.engine.deadlines import questions_wake
from optimization.runs.events import event_emit
from optimization.runs.people import name_of
from optimization.runs.results import samples_of
from optimization.runs.signals import run_due
from optimization.runs.states import Conflict, run_move
from optimization.trainers.effects import Outcome

ItemDeed = Literal["retry", "leave-out"]
QuestionDeed = Literal["ask-again", "ask-model", "go-on"]
KINDS = {
    "forward": "Running the program",
    "evaluate": "Scoring the prompts",
    "backward": "Carrying the feedback back",
    "propose": "Rewriting the prompts",
}
LEFT_OUT_KINDS = ("forward", "evaluate")
"""Work on one example, without which the others go on."""


@dataclass(frozen=True)
class StuckItem:
    """Work that raised: `inputs` are its example's, `tries` counts the errors since it was last mended. `due_at` is when
    it is tried again by itself; None if it is not."""

    item: WorkItem
    what: str
    inputs: dict[str, Any]
    error: str
    tries: int
    due_at: datetime | None

    @property
    def may_be_left_out(self) -> bool:
        return self.item.kind in LEFT_OUT_KINDS


@dataclass(frozen=True)
class StuckQuestion:
    """A question that nobody is left to answer: `passed_on` says who skipped it and why."""

    request: FeedbackRequest
    output: Any
    passed_on: tuple[tuple[str, str], ...]


def stuck_items(run: Run) -> list[StuckItem]:
    """The iteration's work that raised and is not done, those that wait for an operator first."""
    items = list(
        WorkItem.objects.filter(
            run=run, effect__iteration=run.iteration, effect__done_at=None, result__isnull=True
        )
        .filter(Q(state=WorkState.FAILED) | Q(state__in=[WorkState.DUE, WorkState.LEASED], errors__gt=0))
        .order_by("-state", "pk")
    )
    places = {item.payload.get("example") for item in items}
    found = Example.objects.filter(version=run.dataset_version_id, position__in=places - {None})
    inputs = {(example.split, example.position): example.inputs for example in found}
    moves = run.state == RunState.RUNNING
    return [
        StuckItem(
            item=item,
            what=_what(item),
            inputs=inputs.get((item.payload.get("split", ""), item.payload.get("example", -1)), {}),
            error=item.last_error,
            tries=item.errors,
            due_at=item.due_at if moves and item.state != WorkState.FAILED else None,
        )
        for item in items
    ]


def _what(item: WorkItem) -> str:
    kind = KINDS.get(item.kind, item.kind.capitalize())
    if "example" not in item.payload:
        return kind
    return f"{kind}: example {item.payload['example'] + 1} of {item.payload['split']}"


def stuck_questions(run: Run) -> list[StuckQuestion]:
    """The run's open questions that everybody who may answer has passed on."""
    requests = passed_on_by_all([run])
    skips: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for skip in Skip.objects.filter(request__in=requests).select_related("user").order_by("pk"):
        skips[skip.request_id].append((name_of(skip.user), skip.reason))
    return [
        StuckQuestion(
            request,
            request.question.get("output") or request.question.get("outputs"),
            tuple(skips[request.pk]),
        )
        for request in requests
    ]


def passed_on_by_all(runs: Sequence[Run]) -> list[FeedbackRequest]:
    """Open questions with a skip for which none of those who are asked is left. Two queries where nothing was skipped."""
    skipped = Exists(Skip.objects.filter(request=OuterRef("pk")))
    asked = FeedbackRequest.objects.filter(
        skipped,
        run__in=[run.pk for run in runs],
        state=RequestState.OPEN,
        item__state=WorkState.WAITING,
        twin_of=None,
    )
    requests = list(asked.order_by("pk"))
    if not requests:
        return []
    done: dict[int, set[int]] = defaultdict(set)
    for model in (Skip, Answer):
        rows: QuerySet[Any] = model.objects.filter(request__in=requests)
        for request_id, user_id in rows.values_list("request", "user"):
            done[request_id].add(user_id)
    judges: dict[tuple[int, bool], set[int]] = defaultdict(set)
    members = Membership.objects.filter(
        workspace__in={request.workspace_id for request in requests},
        role__in=roles_with(Action.FEEDBACK_ANSWER),
    )
    for workspace_id, is_rehearsal, user_id in members.values_list("workspace", "is_rehearsal", "user"):
        judges[workspace_id, is_rehearsal].add(user_id)
    lanes = {request.lane: people_of(request.lane) for request in requests}
    return [
        request
        for request in requests
        if not _asked(
            judges[request.workspace_id, request.audience == Audience.REHEARSAL], lanes[request.lane]
        )
        - done[request.pk]
    ]


def _asked(judges: set[int], lane: set[int] | None) -> set[int]:
    return judges if lane is None else judges & lane


# -- what an operator says --------------------------------------------------------------------------------------


@transaction.atomic
def item_mend(*, run: Run, item_id: int, user: User, then: ItemDeed) -> Run:
    """Try one failing item again, or leave its example out of the iteration. A run that stopped for it goes on."""
    run = _locked(run)
    item = next((stuck.item for stuck in stuck_items(run) if stuck.item.pk == item_id), None)
    if item is None:
        raise Conflict("This work does not fail any more: it is done, or its iteration is over.")
    if then == "retry":
        calls_set_aside(WorkItem.objects.filter(pk=item.pk, state=WorkState.FAILED))
        changes: dict[str, Any] = {
            "state": WorkState.DUE,
            "due_at": Now(),
            "errors": 0,
            "losses": 0,
            "lone_losses": 0,
            "done_at": None,
        }
    elif item.kind not in LEFT_OUT_KINDS:
        raise Conflict("The iteration cannot go on without this part. Mend the cause, and try it again.")
    else:
        left_out = [Outcome(example=item.payload["example"], sample=sample) for sample in samples_of(item)]
        changes = {
            "state": WorkState.FAILED,
            "result": [outcome.model_dump(mode="json") for outcome in left_out],
            "last_error": f"Left out by {name_of(user)}. It had failed: {item.last_error}",
            "lease_until": None,
            "done_at": Now(),
        }
    WorkItem.objects.filter(pk=item.pk).exclude(state=WorkState.DONE).update(**changes)
    _go_on(run, user, "item", then)
    return run


@transaction.atomic
def question_mend(*, run: Run, request_id: int, user: User, then: QuestionDeed) -> Run:
    """Offer a question that everybody passed on to all of them again, ask a model in their place, or go on without."""
    run = _locked(run)
    if request_id not in {request.pk for request in passed_on_by_all([run])}:
        raise Conflict(
            "This question is not stuck any more: it was answered, or somebody can still answer it."
        )
    request = FeedbackRequest.objects.select_for_update().filter(pk=request_id)
    if then == "ask-again":
        Skip.objects.filter(request=request_id).delete()
    else:
        request.update(state=RequestState.EXPIRED, stand_in="model" if then == "ask-model" else "")
        questions_wake(FeedbackRequest.objects.filter(pk=request_id))
    queue_changed(run.workspace_id)
    _go_on(run, user, "question", then)
    return run


def calls_set_aside(failed: QuerySet[WorkItem]) -> None:
    """The replies that failed work was built on are asked for again, and stay on the bill, unless people have judged what
    was made of them."""
    set_aside = Concat("key", Value(" set aside "), Cast("pk", CharField()))
    Call.objects.filter(item__in=failed.filter(feedback_requests=None)).update(key=set_aside)


def _locked(run: Run) -> Run:
    run = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.state in {RunState.FINISHED, RunState.CANCELLED}:
        raise Conflict(f"“{run.name}” is {run.get_state_display().lower()}: there is nothing to mend.")
    return run


def _go_on(run: Run, user: User, what: str, then: str) -> None:
    event_emit(run.pk, "mended", {"what": what, "then": then, "by": name_of(user)})
    if run.state == RunState.NEEDS_ATTENTION:
        run_move(run, RunState.RUNNING, f"Set going again by {name_of(user)}.")
    transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))


def last_errors(effects: Collection[int]) -> dict[int, WorkItem]:
    """By run, the work that raised last and is tried again by itself."""
    failing = WorkItem.objects.filter(
        effect__in=effects, errors__gt=0, state__in=[WorkState.DUE, WorkState.LEASED]
    )
    return {item.run_id: item for item in failing.defer("payload").order_by("due_at")}
