"""Each iteration of a run as a line of a score: its phases, how far each is, what it cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import Count, Max, Q, Sum

from optimization.models import (
    Answer,
    Audience,
    Call,
    Effect,
    ExampleSplit,
    FeedbackRequest,
    Iteration,
    RequestState,
    Run,
    Score,
    WorkItem,
    WorkState,
)
from optimization.runs.words import duration_in_words

PhaseState = Literal["done", "acts", "waits", "attention", "none"]


@dataclass(frozen=True)
class Phase:
    """How far one phase of an iteration is, in words."""

    state: PhaseState = "none"
    text: str = ""


@dataclass(frozen=True)
class IterationRow:
    """`number` counts from 0 as in the tables, `name` from 1 as people do."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    forward: Phase
    people: Phase
    backward: Phase
    step: Phase
    held_out: Phase
    cost: float
    note: str

    @property
    def name(self) -> int:
        return self.number + 1


@dataclass
class _Work:
    total: int = 0
    ran: int = 0
    failed: int = 0


@dataclass
class _Asked:
    questions: int = 0
    answered: int = 0
    expired: int = 0
    last_asked: datetime | None = None
    seconds: float = 0.0


def run_iterations(run: Run, *, last: int | None = None) -> list[IterationRow]:
    """The newest first; `last` limits them. A fixed number of queries, however many there are."""
    iterations = list(Iteration.objects.filter(run=run).order_by("-number")[:last])
    if not iterations:
        return []
    facts = _Facts(run, [iteration.number for iteration in iterations])
    return [facts.row(iteration) for iteration in iterations]


class _Facts:
    """What the tables say of the chosen iterations, by number."""

    def __init__(self, run: Run, numbers: Sequence[int]) -> None:
        self.effects: dict[int, list[Effect]] = defaultdict(list)
        for effect in (
            Effect.objects.filter(run=run, iteration__in=numbers).defer("result").order_by("ordinal")
        ):
            self.effects[effect.iteration].append(effect)
        self.work = _work(run, numbers)
        self.asked = _asked(run, numbers)
        scores = Score.objects.filter(run=run, split=ExampleSplit.TEST, position__in=[n + 1 for n in numbers])
        self.scores = dict(scores.values_list("position", "mean"))
        spent = Call.objects.filter(run=run, iteration__in=numbers).values_list("iteration")
        self.cost = dict(spent.annotate(cost=Sum("cost")).order_by())

    def row(self, iteration: Iteration) -> IterationRow:
        number = iteration.number
        return IterationRow(
            number=number,
            started_at=iteration.started_at,
            finished_at=iteration.finished_at,
            forward=self._forward(number),
            people=self._people(iteration),
            backward=self._timed(number, "backward"),
            step=self._step(iteration),
            held_out=self._held_out(iteration),
            cost=self.cost.get(number) or 0.0,
            note=iteration.note,
        )

    def _of_kind(self, number: int, kind: str) -> list[Effect]:
        return [effect for effect in self.effects[number] if effect.kind == kind]

    def _forward(self, number: int) -> Phase:
        effects, work = self._of_kind(number, "forward"), self.work[number, "forward"]
        if not effects or not work.total:
            return Phase("acts" if effects else "none")
        if work.failed:
            return Phase("attention", f"{work.failed} of {work.total} failed")
        if work.ran < work.total:
            return Phase("acts", f"{work.ran} of {work.total}")
        begun, over = effects[0].created_at, effects[-1].done_at
        last_asked = self.asked[number, Audience.PEOPLE].last_asked
        ended = min((at for at in (over, last_asked) if at), default=None)
        return Phase("done", f"{work.total} · {_time(begun, ended)}" if ended else f"{work.total}")

    def _people(self, iteration: Iteration) -> Phase:
        asked = self.asked[iteration.number, Audience.PEOPLE]
        if not asked.questions:
            return Phase("none", "nobody" if iteration.finished_at else "")
        unanswered = f", {asked.expired} not in time" if asked.expired else ""
        if asked.answered + asked.expired < asked.questions:
            return Phase("waits", f"{asked.answered} of {asked.questions}{unanswered}")
        time = f" · {duration_in_words(asked.seconds)}" if asked.seconds >= 1 else ""
        given = f"{asked.answered} of {asked.questions}{unanswered}" if unanswered else f"{asked.questions}"
        return Phase("done", f"{given}{time}")

    def _timed(self, number: int, kind: str) -> Phase:
        effects = self._of_kind(number, kind)
        if not effects:
            return Phase()
        over = effects[-1].done_at
        return Phase("done", _time(effects[0].created_at, over)) if over else Phase("acts", "under way")

    def _step(self, iteration: Iteration) -> Phase:
        if iteration.finished_at or self._of_kind(iteration.number, "commit"):
            return Phase("done" if iteration.changed else "none", iteration.note)
        if any(effect.done_at is None for effect in self._of_kind(iteration.number, "approve")):
            return Phase("waits", "to be decided")
        proposing = self._of_kind(iteration.number, "propose")
        if not proposing:
            return Phase()
        return Phase("acts", "checking" if proposing[-1].done_at else "writing")

    def _held_out(self, iteration: Iteration) -> Phase:
        score = self.scores.get(iteration.number + 1)
        if score is not None:
            return Phase("done", f"{score:.2f}")
        scoring = self._of_kind(iteration.number, "evaluate")
        stepped = self._of_kind(iteration.number, "commit")
        if scoring and stepped and not scoring[-1].done_at and scoring[-1].ordinal > stepped[-1].ordinal:
            return Phase("acts", "scoring")
        return Phase()


def _work(run: Run, numbers: Iterable[int]) -> dict[tuple[int, str], _Work]:
    """Items by iteration and kind; one that waits for people has run its part of the program."""
    work: dict[tuple[int, str], _Work] = defaultdict(_Work)
    rows: Any = WorkItem.objects.filter(run=run, effect__iteration__in=numbers, late=False).values(
        "effect__iteration", "kind"
    )
    for row in rows.annotate(
        total=Count("pk"),
        ran=Count("pk", filter=Q(state__in=[WorkState.DONE, WorkState.WAITING])),
        failed=Count("pk", filter=Q(state=WorkState.FAILED)),
    ):
        work[row["effect__iteration"], row["kind"]] = _Work(row["total"], row["ran"], row["failed"])
    return work


def _asked(run: Run, numbers: Iterable[int]) -> dict[tuple[int, str], _Asked]:
    """Questions by iteration and audience, with the seconds that their answers took."""
    asked: dict[tuple[int, str], _Asked] = defaultdict(_Asked)
    requests: Any = FeedbackRequest.objects.filter(run=run, iteration__in=numbers, twin_of=None)
    for row in requests.values("iteration", "audience").annotate(
        questions=Count("pk", filter=~Q(state=RequestState.WITHDRAWN)),
        answered=Count("pk", filter=Q(state=RequestState.ANSWERED)),
        expired=Count("pk", filter=Q(state=RequestState.EXPIRED)),
        last_asked=Max("created_at"),
    ):
        asked[row["iteration"], row["audience"]] = _Asked(
            row["questions"], row["answered"], row["expired"], row["last_asked"]
        )
    answers: Any = Answer.objects.filter(request__run=run, request__iteration__in=numbers)
    for row in answers.values("request__iteration", "request__audience").annotate(seconds=Sum("seconds")):
        asked[row["request__iteration"], row["request__audience"]].seconds = row["seconds"] or 0.0
    return asked


def _time(begun: datetime, ended: datetime) -> str:
    return duration_in_words(max(0.0, (ended - begun).total_seconds()))
