"""What a worker writes when it lets go of an item, as operations for the writing thread; each under the item's fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from django.db.models.functions import Now

from optimization.feedback.services import item_wake, request_open
from optimization.losses.questions import Question
from optimization.models import (
    Audience,
    Call,
    FeedbackRequest,
    RequestState,
    Run,
    RunState,
    Tape,
    WorkItem,
    WorkState,
)
from optimization.models.copied import rows_add
from optimization.runs.engine.faults import fault
from optimization.runs.engine.leases import fail, give_back, mine, settle_all
from optimization.runs.states import run_move


@dataclass(frozen=True)
class Finish:
    """The item is done: its result, the tapes that it made, and those that it consumed."""

    item: WorkItem
    result: Any
    tapes: Sequence[Tape] = ()
    released: Sequence[str] = ()

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        fault("before_commit")
        kept = settle_all([(operation.item, operation.result) for operation in batch])
        mine_alone = [operation for operation, was_mine in zip(batch, kept, strict=True) if was_mine]
        rows_add(Tape, [tape for operation in mine_alone for tape in operation.tapes])
        for operation in mine_alone:
            if operation.released:
                Tape.objects.filter(pk__in=operation.released).update(released_by=operation.item)
        return kept


@dataclass(frozen=True)
class Park:
    """The item waits for people: its questions are put in the queue, unless its run was cancelled meanwhile."""

    item: WorkItem
    asked: dict[str, Question] = field(default_factory=dict)
    audience: str = "people"
    within: timedelta | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._park() for operation in batch]

    def _park(self) -> bool:
        """The run is locked first, as a cancellation does, and requests before the item, as an answer does, so that
        none misses the other."""
        run = Run.objects.select_for_update().only("state").get(pk=self.item.run_id)
        known = FeedbackRequest.objects.select_for_update().filter(run=run, key__in=self.asked)
        over = {RequestState.ANSWERED, RequestState.EXPIRED}
        answered = any(request.state in over for request in known)
        state = WorkState.DUE if answered else WorkState.WAITING
        if not WorkItem.objects.filter(mine(self.item)).update(state=state, lease_until=None, due_at=Now()):
            return False
        if run.state == RunState.CANCELLED:
            return True
        known.exclude(item=self.item).update(item=self.item)
        opened = [
            request_open(
                item=self.item,
                key=key,
                question=question,
                audience=self.audience,
                within=self.within if self.audience == Audience.PEOPLE else None,
                **self.terms,
            )
            for key, question in self.asked.items()
        ]
        if opened and all(request.state == RequestState.ANSWERED for request in opened):
            item_wake(self.item.pk, self.item.run_id)
        return True


@dataclass(frozen=True)
class Adopt:
    """Calls and questions of a restarted iteration that the item has used again are its own from now on."""

    item: WorkItem
    calls: frozenset[int]
    questions: frozenset[int]

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[None]:
        for operation in batch:
            item = operation.item
            Call.objects.filter(pk__in=operation.calls, item=None).update(item=item)
            FeedbackRequest.objects.filter(pk__in=operation.questions, item=None).update(item=item)
        return [None] * len(batch)


@dataclass(frozen=True)
class StoodIn:
    """What a model answered in place of people, kept with the question for whoever reads of it."""

    request: int
    answer: dict[str, Any]

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[None]:
        for operation in batch:
            FeedbackRequest.objects.filter(pk=operation.request).update(stood_in=operation.answer)
        return [None] * len(batch)


@dataclass(frozen=True)
class Return:
    """The item goes back to be tried again after `delay` seconds."""

    item: WorkItem
    delay: float = 0.0
    error: str = ""
    counts: bool = False

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [
            give_back(operation.item, delay=operation.delay, error=operation.error, counts=operation.counts)
            for operation in batch
        ]


@dataclass(frozen=True)
class GiveUp:
    """The item has raised too often: its example counts as an error."""

    item: WorkItem
    error: str

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [fail(operation.item, operation.error) for operation in batch]


@dataclass(frozen=True)
class Attention:
    """The item cannot go on as things are: it is kept, and the run stops in words."""

    item: WorkItem
    reason: str

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._stop() for operation in batch]

    def _stop(self) -> bool:
        if not give_back(self.item, error=self.reason, counts=True):
            return False
        run_move(self.item.run, RunState.NEEDS_ATTENTION, self.reason)
        return True


@dataclass(frozen=True)
class Stop:
    """Nothing of the run can be worked at as things are: it stops in words."""

    run_id: int
    reason: str

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [
            run_move(Run.objects.get(pk=operation.run_id), RunState.NEEDS_ATTENTION, operation.reason)
            for operation in batch
        ]
