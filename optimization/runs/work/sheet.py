"""What the work in hand has on the table: its item, the calls already stored and the answers already given.

Modules are shared by the items of a task; what differs from item to item travels in a context variable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypedDict

from optimization.llm.scope import Suspended, current_scope, scoped
from optimization.losses.desks import use_desk
from optimization.losses.questions import Answer, Question
from optimization.models import Call, Example, FeedbackRequest, RequestState, WorkItem
from optimization.runs.work.reading import answers_read


class Position(TypedDict):
    iteration: int
    effect: int
    phase: str
    candidate: str
    example: str
    sample: int


@dataclass
class Sheet:
    """`asked` gathers the questions that the item now waits for."""

    item: WorkItem
    example: Example | None = None
    calls: Mapping[str, Call] = field(default_factory=dict)
    answers: Mapping[str, list[Answer]] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)

    def scope(self) -> Position:
        """Where in the run the item stands."""
        payload = self.item.payload
        return {
            "iteration": self.item.effect.iteration,
            "effect": self.item.effect.ordinal,
            "phase": self.item.kind,
            "candidate": payload.get("candidate", ""),
            "example": f"{payload['split']}.{payload['example']}"
            if "split" in payload
            else str(self.item.index),
            "sample": payload.get("sample", 0),
        }


def sheets_read(items: Sequence[WorkItem]) -> list[Sheet]:
    """The items' sheets, with what earlier attempts have stored; a first attempt has stored nothing."""
    again = [item.pk for item in items if item.fence > 1]
    calls: dict[int, dict[str, Call]] = defaultdict(dict)
    for call in Call.objects.filter(item__in=again):
        calls[call.item_id or 0][call.key] = call
    answers: dict[int, dict[str, list[Answer]]] = defaultdict(dict)
    answered = FeedbackRequest.objects.filter(item__in=again, state=RequestState.ANSWERED)
    for request, given in answers_read(answered):
        answers[request.item_id or 0][request.key] = given
    examples = _examples(items)
    return [
        Sheet(item, examples.get(_place(item)), calls.get(item.pk, {}), answers.get(item.pk, {}))
        for item in items
    ]


def _place(item: WorkItem) -> tuple[str, int]:
    return item.payload.get("split", ""), item.payload.get("example", -1)


def _examples(items: Sequence[WorkItem]) -> dict[tuple[str, int], Example]:
    """The examples of the items, all of one run, in a query a split."""
    positions: dict[str, set[int]] = defaultdict(set)
    for item in items:
        split, position = _place(item)
        if split:
            positions[split].add(position)
    return {
        (split, example.position): example
        for split, wanted in positions.items()
        for example in Example.objects.filter(version__runs=items[0].run_id, split=split, position__in=wanted)
    }


_sheet: ContextVar[Sheet] = ContextVar("handgrad_sheet")


def current_sheet() -> Sheet:
    return _sheet.get()


@contextmanager
def at_work(sheet: Sheet) -> Iterator[Sheet]:
    """Open the item's scope: calls and questions inside belong to it."""
    token = _sheet.set(sheet)
    try:
        with scoped(**sheet.scope()), use_desk(QueueDesk()):
            yield sheet
    finally:
        _sheet.reset(token)


class QueueDesk:
    """The desk of a durable run: an unanswered question parks its example until people have answered."""

    async def ask(self, question: Question) -> list[Answer]:
        key = current_scope().key()
        sheet = current_sheet()
        if key in sheet.answers:
            return sheet.answers[key]
        sheet.asked[key] = question
        raise Suspended(key)
