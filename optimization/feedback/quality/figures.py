"""The figures of a workspace or a run, from its newest answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from optimization.feedback.quality.verdicts import verdict_of
from optimization.losses.questions import (
    ANSWER,
    QUESTION,
    PreferenceAnswer,
    Question,
    RankingAnswer,
)
from optimization.losses.questions import (
    Answer as AnswerBody,
)
from optimization.losses.scoring import answer_scores
from optimization.models import Answer, Audience, Membership, Run, Showing, Workspace

if TYPE_CHECKING:
    from optimization.feedback.quality.statistics import Estimate, Level

NEWEST = 5_000
RECENT = 30
LEVELS: dict[str, Level] = {"rubric": "interval", "preference": "nominal", "ranking": "ordinal"}


@dataclass(frozen=True)
class Given:
    """One answer, read: what was said in one word (`verdict`), its scores, and which place a chosen output had."""

    answer: Answer
    question: Question
    body: AnswerBody
    place: int | None = None

    @property
    def verdict(self) -> Hashable:
        return verdict_of(self.body)

    @property
    def scores(self) -> tuple[float, ...]:
        return answer_scores(self.question, self.body)


@dataclass(frozen=True)
class Agreement:
    """How far several annotators agree on one kind of question. `questions` had two answers or more."""

    kind: str
    questions: int
    people: int
    alpha: float | None
    cohen: float | None
    fleiss: float | None
    kendall: float | None


@dataclass(frozen=True)
class PersonFigures:
    """`agreement` is with the others on the same questions, 0..1; `drift` how it changed in the last RECENT answers;
    `first` the share of comparisons won by what stood first, and `first_by_chance` how likely such a share is without
    bias; `consistent` the share of mirrored repeats with the same verdict. `per_hour` counts hours with an answer."""

    name: str
    user: int
    weight: float
    answers: int
    seconds: float | None
    per_hour: float
    agreement: float | None
    drift: float | None
    gold: Estimate | None
    gold_answers: int
    first: Estimate | None
    first_by_chance: float
    consistent: Estimate | None


@dataclass(frozen=True)
class Day:
    day: date
    answers: int
    seconds: float | None
    agreement: float | None
    gold: float | None


@dataclass(frozen=True)
class Quality:
    """`strengths` are those of the outputs that were compared, in the order in which the run numbered them."""

    answers: int = 0
    since: datetime | None = None
    agreement: tuple[Agreement, ...] = ()
    people: tuple[PersonFigures, ...] = ()
    days: tuple[Day, ...] = ()
    strengths: tuple[Estimate, ...] = ()
    gold: Estimate | None = None
    notes: tuple[str, ...] = field(default=())


def quality_figures(*, workspace: Workspace, run: Run | None = None) -> Quality:
    """Of the NEWEST answers of people, checks among them; a run's own where one is given."""
    given = _read(workspace, run)
    if not given:
        return Quality()
    from optimization.feedback.quality import statistics

    asked = [one for one in given if one.answer.request.audience == Audience.PEOPLE]
    golden = [one for one in given if _is_gold(one)]
    people = _people(workspace, given)
    hits = [_hit(one) for one in golden]
    return Quality(
        answers=len(given),
        since=given[0].answer.created_at,
        agreement=tuple(
            _agreement(kind, _questions(asked, kind)) for kind in LEVELS if _questions(asked, kind)
        ),
        people=people,
        days=_days(asked, golden),
        strengths=tuple(_strengths(asked)),
        gold=statistics.share(sum(hits), len(hits)),
        notes=tuple(_notes(people)),
    )


def _read(workspace: Workspace, run: Run | None) -> list[Given]:
    """The oldest first."""
    answers = Answer.objects.filter(
        request__workspace=workspace, request__audience__in=[Audience.PEOPLE, Audience.CHECK]
    )
    if run is not None:
        answers = answers.filter(request__run=run)
    newest = list(answers.select_related("request__gold", "user").order_by("-pk")[:NEWEST])[::-1]
    shown = Showing.objects.filter(request__in={answer.request_id for answer in newest})
    orders = {(one.request_id, one.user_id): one.order for one in shown}
    return [_given(answer, orders.get((answer.request_id, answer.user_id))) for answer in newest]


def _given(answer: Answer, order: list[int] | None) -> Given:
    body = ANSWER.validate_python(answer.body)
    chosen = (
        "AB".find(body.choice) if isinstance(body, PreferenceAnswer) and body.choice in ("A", "B") else -1
    )
    place = order.index(chosen) if order and chosen >= 0 else None
    return Given(answer, QUESTION.validate_python(answer.request.question), body, place)


def _questions(given: Iterable[Given], kind: str) -> list[list[Given]]:
    """Those of a kind that two people or more have answered, each with its answers."""
    by_request: dict[int, list[Given]] = defaultdict(list)
    for one in given:
        if one.answer.request.kind == kind:
            by_request[one.answer.request_id].append(one)
    return [answers for answers in by_request.values() if len(answers) > 1]


def _agreement(kind: str, questions: list[list[Given]]) -> Agreement:
    from optimization.feedback.quality import statistics

    units = [{one.answer.user_id: one.verdict for one in answers} for answers in questions]
    pairs: dict[tuple[int, int], list[tuple[Hashable, Hashable]]] = defaultdict(list)
    for unit in units:
        for one in sorted(unit):
            for other in sorted(unit):
                if one < other:
                    pairs[one, other].append((unit[one], unit[other]))
    kappas = [(kappa, len(both)) for both in pairs.values() if (kappa := statistics.cohen(both)) is not None]
    scores = [[one.scores for one in answers if len(one.scores) > 1] for answers in questions]
    return Agreement(
        kind=kind,
        questions=len(questions),
        people=len({user for unit in units for user in unit}),
        alpha=_alpha(kind, questions, units),
        cohen=fmean([kappa for kappa, _ in kappas], [count for _, count in kappas]) if kappas else None,
        fleiss=statistics.fleiss(units),
        kendall=statistics.kendall(scores) if kind == "ranking" else None,
    )


def _alpha(kind: str, questions: list[list[Given]], units: list[dict[int, Hashable]]) -> float | None:
    """Of rankings, each output's rank is a unit of its own."""
    from optimization.feedback.quality import statistics

    if kind != "ranking":
        return statistics.alpha(units, LEVELS[kind])
    ranks = [
        {one.answer.user_id: one.body.ranks[place] for one in answers if isinstance(one.body, RankingAnswer)}
        for answers in questions
        for place in range(len(answers[0].answer.body["ranks"]))
    ]
    return statistics.alpha(ranks, LEVELS[kind])


def _people(workspace: Workspace, given: list[Given]) -> tuple[PersonFigures, ...]:
    weights = dict(Membership.objects.filter(workspace=workspace).values_list("user", "weight"))
    means = _means(given)
    by_person: dict[int, list[Given]] = defaultdict(list)
    for one in given:
        by_person[one.answer.user_id].append(one)
    found = [_person(own, weights.get(user, 1.0), means) for user, own in by_person.items()]
    return tuple(sorted(found, key=lambda person: -person.answers))


def _means(given: Iterable[Given]) -> dict[int, list[tuple[int, tuple[float, ...]]]]:
    """By question, who gave which scores."""
    by_request: dict[int, list[tuple[int, tuple[float, ...]]]] = defaultdict(list)
    for one in given:
        if one.scores:
            by_request[one.answer.request_id].append((one.answer.user_id, one.scores))
    return by_request


def _person(
    own: list[Given], weight: float, means: dict[int, list[tuple[int, tuple[float, ...]]]]
) -> PersonFigures:
    from optimization.feedback.quality import statistics

    user = own[0].answer.user
    agreed = [close for one in own if (close := _closeness(one, means)) is not None]
    seconds = [one.answer.seconds for one in own if one.answer.seconds > 0]
    hours = {one.answer.created_at.replace(minute=0, second=0, microsecond=0) for one in own}
    hits = [_hit(one) for one in own if _is_gold(one)]
    places = [one.place for one in own if one.place is not None]
    repeats = _repeats(own)
    earlier, recent = agreed[:-RECENT], agreed[-RECENT:]
    return PersonFigures(
        name=user.get_full_name() or user.get_username(),
        user=user.pk,
        weight=weight,
        answers=len(own),
        seconds=median(seconds) if seconds else None,
        per_hour=len(own) / len(hours),
        agreement=fmean(agreed) if agreed else None,
        drift=fmean(recent) - fmean(earlier) if len(earlier) >= RECENT else None,
        gold=statistics.share(sum(hits), len(hits)),
        gold_answers=len(hits),
        first=statistics.share(places.count(0), len(places)),
        first_by_chance=statistics.chance_of(places.count(0), len(places)),
        consistent=statistics.share(sum(repeats), len(repeats)),
    )


def _closeness(one: Given, means: dict[int, list[tuple[int, tuple[float, ...]]]]) -> float | None:
    """1 minus the distance of the scores to the mean of the others'."""
    others = [scores for user, scores in means[one.answer.request_id] if user != one.answer.user_id]
    if not others or not one.scores:
        return None
    columns = zip(one.scores, zip(*others, strict=True), strict=True)
    return 1 - fmean(abs(mine - fmean(theirs)) for mine, theirs in columns)


def _is_gold(one: Given) -> bool:
    """Asked as a gold item, not only kept as one afterwards."""
    return bool(one.answer.request.gold_id) and one.answer.request.audience == Audience.CHECK


def _hit(one: Given) -> bool:
    gold = one.answer.request.gold
    return gold is not None and one.verdict == verdict_of(ANSWER.validate_python(gold.expected))


def _repeats(own: Sequence[Given]) -> list[bool]:
    """Of each mirrored repeat, whether it was judged as the first time."""
    first = {one.answer.request_id: one.verdict for one in own}
    return [
        one.verdict == first[one.answer.request.mirror_of_id]
        for one in own
        if one.answer.request.mirror_of_id in first
    ]


def _strengths(asked: Iterable[Given]) -> list[Estimate]:
    from optimization.feedback.quality import statistics

    won = [
        (winner, loser)
        for one in asked
        if len(scores := one.scores) > 1
        for winner in range(len(scores))
        for loser in range(len(scores))
        if scores[winner] > scores[loser]
    ]
    return statistics.strengths(max((max(pair) for pair in won), default=-1) + 1, won)


def _days(asked: list[Given], golden: list[Given]) -> tuple[Day, ...]:
    means = _means(asked)
    by_day: dict[date, list[Given]] = defaultdict(list)
    for one in [*asked, *golden]:
        by_day[timezone.localtime(one.answer.created_at).date()].append(one)
    return tuple(_day(day, given, means) for day, given in sorted(by_day.items()))


def _day(day: date, given: list[Given], means: dict[int, Any]) -> Day:
    seconds = [one.answer.seconds for one in given if one.answer.seconds > 0]
    agreed = [close for one in given if not _is_gold(one) and (close := _closeness(one, means)) is not None]
    hits = [_hit(one) for one in given if _is_gold(one)]
    return Day(
        day=day,
        answers=len(given),
        seconds=median(seconds) if seconds else None,
        agreement=fmean(agreed) if agreed else None,
        gold=fmean(hits) if hits else None,
    )


def _notes(people: Iterable[PersonFigures]) -> Iterable[str]:
    """What an operator should look at, a sentence each."""
    for person in people:
        if person.gold and person.gold.high < 0.7:
            yield f"{person.name} answers gold items otherwise than expected: {person.gold.value:.0%} of {person.gold_answers} as they should be."
        if person.first and person.first_by_chance < 0.01:
            side = "first" if person.first.value > 0.5 else "last"
            yield f"{person.name} prefers what stands {side}, more than chance would ({person.first.value:.0%} the first)."
        if person.drift is not None and person.drift < -0.15:
            yield f"{person.name} agrees less with the others lately: {person.drift:+.2f} over the last {RECENT} answers."
