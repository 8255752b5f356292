"""The model judge beside the people: how often they say the same, what it takes for what, and whether that changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimization.feedback.quality.verdicts import verdict_of
from optimization.feedback.quality.words import CHOICES
from optimization.losses.questions import ANSWER
from optimization.models import FeedbackRequest, Opinion, Run, Workspace

if TYPE_CHECKING:
    from optimization.feedback.quality.statistics import Estimate

NEWEST = 2_000
RECENT = 30
DRIFT = 0.2
LEAST = 0.6


@dataclass(frozen=True)
class Cell:
    """How often the model said one thing where most people said another."""

    model: str
    people: str
    times: int


@dataclass(frozen=True)
class ColleagueFigures:
    """Of `asked` questions the model `decided` so many alone; `compared` were answered by people too. `alarm` says in
    words that the two drift apart."""

    asked: int
    decided: int
    compared: int
    agreement: Estimate | None
    recent: Estimate | None
    confusion: tuple[Cell, ...]
    alarm: str


def colleague_figures(*, workspace: Workspace, run: Run | None = None) -> ColleagueFigures | None:
    """None where no model was asked."""
    opinions = Opinion.objects.filter(workspace=workspace)
    if run is not None:
        opinions = opinions.filter(run=run)
    newest = list(opinions.order_by("-pk")[:NEWEST])[::-1]
    if not newest:
        return None
    from optimization.feedback.quality import statistics

    pairs = _pairs(newest)
    alike = [model == people for model, people in pairs]
    earlier, recent = alike[:-RECENT], alike[-RECENT:]
    overall = statistics.share(sum(alike), len(alike))
    lately = statistics.share(sum(recent), len(recent))
    return ColleagueFigures(
        asked=len(newest),
        decided=sum(one.decided for one in newest),
        compared=len(pairs),
        agreement=overall,
        recent=lately,
        confusion=tuple(
            Cell(_shown(model), _shown(people), times)
            for (model, people), times in Counter(pairs).most_common()
        ),
        alarm=_alarm(statistics.share(sum(earlier), len(earlier)), lately, len(earlier), len(recent)),
    )


def _shown(verdict: Hashable) -> str:
    match verdict:
        case bool():
            return "something to improve" if verdict else "nothing to improve"
        case float() | int():
            return f"{verdict:g}"
        case tuple():
            return "ranks " + ", ".join(map(str, verdict))
    return CHOICES.get(str(verdict), str(verdict))


def _pairs(opinions: list[Opinion]) -> list[tuple[Hashable, Hashable]]:
    """What the model and most people said, where both have."""
    asked = FeedbackRequest.objects.filter(
        run__in={one.run_id for one in opinions}, key__in=[one.key for one in opinions]
    ).prefetch_related("answers")
    given = {(one.run_id, one.key): [answer.body for answer in one.answers.all()] for one in asked}
    pairs = []
    for one in opinions:
        if bodies := given.get((one.run_id, one.key)):
            people = Counter(verdict_of(ANSWER.validate_python(body)) for body in bodies).most_common(1)[0][0]
            pairs.append((verdict_of(ANSWER.validate_python(one.body)), people))
    return pairs


def _alarm(earlier: Estimate | None, recent: Estimate | None, before: int, lately: int) -> str:
    if recent is None or lately < RECENT:
        return ""
    if earlier is not None and before >= RECENT and recent.value < earlier.value - DRIFT:
        return (
            f"The model judge and people drift apart: they said the same to {recent.value:.0%} of the last {lately} "
            f"questions, and to {earlier.value:.0%} before. Look at its prompt and model, or ask people more."
        )
    if recent.high < LEAST:
        return (
            f"The model judge says the same as people to {recent.value:.0%} of the last {lately} questions only: do not "
            "let it decide alone."
        )
    return ""
