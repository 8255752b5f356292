"""What the work in hand has on the table: its item, the calls already stored and the answers already given.

Modules are shared by the items of a task; what differs from item to item travels in a context variable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypedDict

from optimization.llm.scope import Suspended, current_scope, scoped
from optimization.losses.desks import use_desk
from optimization.losses.questions import QUESTION, Answer, Question
from optimization.models import Call, Example, FeedbackRequest, WorkItem
from optimization.runs.work.reading import answers_read


class Position(TypedDict):
    iteration: int
    effect: int
    phase: str
    candidate: str
    example: str
    sample: int


@dataclass(frozen=True)
class Stored:
    """A question that the item has asked before, with its answers; None while it is open."""

    question: Question
    answers: list[Answer] | None


@dataclass
class Sheet:
    """`asked` gathers the questions that the item now waits for."""

    item: WorkItem
    example: Example | None = None
    calls: Mapping[str, Call] = field(default_factory=dict)
    questions: Mapping[str, Stored] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)

    @property
    def begun_anew(self) -> bool:
        """Whether it may ask models and people something else than what is stored under the same key: an answer that
        it reads was edited. Both are kept then, the new one under the key with its digest."""
        return self.item.reopened > 0

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
    questions: dict[int, dict[str, Stored]] = defaultdict(dict)
    for request, answers in answers_read(FeedbackRequest.objects.filter(item__in=again)):
        stored = Stored(QUESTION.validate_python(request.question), answers)
        questions[request.item_id or 0][request.key] = stored
    examples = _examples(items)
    return [
        Sheet(item, examples.get(_place(item)), calls.get(item.pk, {}), questions.get(item.pk, {}))
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
        stored = sheet.questions.get(key)
        if stored and sheet.begun_anew and _plain(stored.question) != _plain(question):
            key = other_key(key, sha256(_plain(question).encode()).hexdigest())
            stored = sheet.questions.get(key)
        if stored and stored.answers is not None:
            return stored.answers
        sheet.asked[key] = question
        raise Suspended(key)


def _plain(question: Question) -> str:
    return question.model_dump_json()


def other_key(key: str, digest: str) -> str:
    """The key of what is asked otherwise than what is stored under `key`."""
    return f"{key}~{digest[:12]}"
