"""What the work in hand has on the table: its item, the calls already stored and the answers already given.

Modules are shared by the items of a task; what differs from item to item travels in a context variable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypedDict

from django.db.models import QuerySet

from optimization.llm.messages import Resources
from optimization.llm.scope import Scope, Suspended, current_scope, scoped
from optimization.losses.desks import use_desk
from optimization.losses.questions import QUESTION, Answer, Question
from optimization.losses.standing_in import answered_by_model
from optimization.models import Call, Example, FeedbackRequest, Run, WorkItem
from optimization.runs.config import Colleague
from optimization.runs.work.colleagues import Formed, opinion_of
from optimization.runs.work.lent import Lent
from optimization.runs.work.reading import answers_read

STAND_IN_MODEL = "model"


class Position(TypedDict):
    iteration: int
    effect: int
    phase: str
    candidate: str
    example: str
    sample: int


@dataclass(frozen=True)
class Stored:
    """A question that was asked before from the item's place, with its answers; None while it is open. `stand_in`:
    its time ran out, and a model is asked for what is missing."""

    request: int
    question: Question
    answers: list[Answer] | None
    stand_in: bool = False


@dataclass
class Sheet:
    """`asked` gathers the questions that the item now waits for.

    Begun `anew`, the item may ask models and people something else than what is stored under the same key: an answer
    that it reads was edited, or its iteration restarted. Both are kept then, the new one under the key with its digest.
    `adopted` gathers what an item before it in the same place has left, and this one uses: calls and questions by id;
    `stood_in` what a model answered in place of people, by the question's id; `opinions` what it says as their colleague. `lent` is what a counterfactual run has of
    its parent.
    """

    item: WorkItem
    example: Example | None = None
    calls: Mapping[str, Call] = field(default_factory=dict)
    questions: Mapping[str, Stored] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)
    anew: bool = False
    lent: Lent = field(default_factory=Lent)
    adopted: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    stood_in: dict[int, dict[str, Any]] = field(default_factory=dict)
    opinions: dict[str, Formed] = field(default_factory=dict)

    def scope(self) -> Position:
        """Where in the run the item stands."""
        payload = self.item.payload
        iteration, effect = self.item.stands_at
        return {
            "iteration": iteration,
            "effect": effect,
            "phase": self.item.kind,
            "candidate": payload.get("candidate", ""),
            "example": f"{payload['split']}.{payload['example']}"
            if "example" in payload
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
    for request, stored in _stored(FeedbackRequest.objects.filter(item__in=again)):
        questions[request.item_id or 0][request.key] = stored
    for item in items:
        if item.late:
            calls[item.pk], questions[item.pk] = _with_late(item, calls[item.pk])
    examples = _examples(items)
    sheets = [
        Sheet(
            item,
            examples.get(_place(item)),
            calls[item.pk],
            questions[item.pk],
            anew=item.reopened > 0,
        )
        for item in items
    ]
    restarted = Run.objects.values_list("restarted", flat=True).get(pk=items[0].run_id)
    _leave_behind(
        [sheet for sheet in sheets if sheet.item.effect.iteration == restarted and not sheet.item.late]
    )
    return sheets


def _leave_behind(sheets: Sequence[Sheet]) -> None:
    """Give the items of a restarted iteration what those before them have left in the same places."""
    if not sheets:
        return
    item = sheets[0].item
    left = {"run": item.run_id, "iteration": item.effect.iteration, "item": None}
    calls: dict[str, dict[str, Call]] = defaultdict(dict)
    for call in Call.objects.filter(**left):
        calls[place_in(call.key)][call.key] = call
    questions: dict[str, dict[str, Stored]] = defaultdict(dict)
    for request, stored in _stored(FeedbackRequest.objects.filter(**left)):
        questions[place_in(request.key)][request.key] = stored
    for sheet in sheets:
        place = place_of(sheet.item)
        sheet.anew = True
        sheet.calls = {**calls[place], **sheet.calls}
        sheet.questions = {**questions[place], **sheet.questions}


def place_in(key: str) -> str:
    """The part of a key that all calls and questions of an item have in common."""
    return key.rsplit("/", 3)[0]


def _with_late(item: WorkItem, calls: Mapping[str, Call]) -> tuple[dict[str, Call], dict[str, Stored]]:
    """What the item whose work is done once more has stored, with the late versions of the answers to it."""
    known = {call.key: call for call in Call.objects.filter(item=item.payload["of"])}
    asked = FeedbackRequest.objects.filter(item=item.payload["of"])
    late: Mapping[str, int] = item.payload["late"]
    read = _stored(asked, late, item.payload.get("without", ()))
    return known | dict(calls), {request.key: stored for request, stored in read}


def place_of(item: WorkItem) -> str:
    return place_in(Scope(**Sheet(item).scope()).key())


def _stored(
    requests: QuerySet[FeedbackRequest],
    late: Mapping[str, int] | None = None,
    without: Collection[int] = (),
) -> Iterator[tuple[FeedbackRequest, Stored]]:
    for request, answers in answers_read(requests, late=late or {}, without=without):
        question = QUESTION.validate_python(request.question)
        missing = (
            answers is not None and len(answers) < request.wanted and not hasattr(request, "adjudication")
        )
        yield (
            request,
            Stored(request.pk, question, answers, missing and request.stand_in == STAND_IN_MODEL),
        )


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


def item_at_work() -> WorkItem | None:
    """The item for which this is done; None outside of work on items."""
    sheet = _sheet.get(None)
    return sheet.item if sheet else None


@contextmanager
def at_work(sheet: Sheet, resources: Resources, colleague: Colleague | None = None) -> Iterator[Sheet]:
    """Open the item's scope: calls and questions inside belong to it. `resources` answer in place of people who did
    not in time, and as their `colleague` where the run has one."""
    token = _sheet.set(sheet)
    try:
        with scoped(**sheet.scope()), use_desk(QueueDesk(resources, colleague)):
            yield sheet
    finally:
        _sheet.reset(token)


class QueueDesk:
    """The desk of a durable run: an unanswered question parks its example until people have answered, or their time has
    run out: then the answers that are there are all, or a model's is added to them.

    People's answers are checked when they come in; of a model in their place words are asked, and not required.
    """

    has_checked = True

    def __init__(self, resources: Resources, colleague: Colleague | None = None) -> None:
        self._resources = resources
        self._colleague = colleague

    async def ask(self, question: Question) -> list[Answer]:
        key = current_scope().key()
        sheet = current_sheet()
        stored = sheet.questions.get(key)
        if stored and sheet.anew and _plain(stored.question) != _plain(question):
            key = other_key(key, sha256(_plain(question).encode()).hexdigest())
            stored = sheet.questions.get(key)
        if stored is None and (given := sheet.lent.answers(key, question)) is not None:
            return given
        if stored and stored.answers is not None:
            sheet.adopted[1].add(stored.request)
            return [*stored.answers, *(await self._stand_in(stored, sheet) if stored.stand_in else ())]
        if self._colleague and sheet.item.payload.get("audience") == "people":
            formed = await opinion_of(question, self._resources, self._colleague, key)
            sheet.opinions[key] = formed
            if formed.decided:
                return [formed.answer]
        sheet.asked[key] = question
        raise Suspended(key)

    async def _stand_in(self, stored: Stored, sheet: Sheet) -> list[Answer]:
        with scoped(node=f"{current_scope().node}.stand_in"):
            answer, model = await answered_by_model(stored.question, self._resources)
        sheet.stood_in[stored.request] = {"model": model, "body": answer.model_dump(mode="json")}
        return [answer]


def _plain(question: Question) -> str:
    return question.model_dump_json()


def other_key(key: str, digest: str) -> str:
    """The key of what is asked otherwise than what is stored under `key`."""
    return f"{key}~{digest[:12]}"
