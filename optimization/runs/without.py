"""The counterfactual: what would have come of a run without one of its annotators.

1. It begins where that person's answers were first used: all before is shared, for it would have been the same.
2. In that iteration the outputs are the same, and so are the others' answers: both are lent, nothing is called or asked.
   A question that nobody else had answered counts as not judged. So the step is exact.
3. After it the prompts differ, the outputs are new, and people judge them (but not that person), or a declared judge.
   What this takes is said first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Min

from optimization.models import Answer, Application, Call, FeedbackRequest, LateReading, Run, RunKind
from optimization.runs.assembly import judge_of, program_of
from optimization.runs.checks import launch_check
from optimization.runs.config import Choice, Later, RunConfig
from optimization.runs.engine.pins import drift
from optimization.runs.estimate import Estimate, launch_estimate
from optimization.runs.fork import run_fork
from optimization.runs.people import name_of
from optimization.runs.states import Conflict
from optimization.trainers.late import LATE_ANSWERS


@dataclass(frozen=True)
class Price:
    """What it will take from now on, as far as it can be told: calls to models, US dollars, people's time."""

    calls: int
    dollars: float
    questions: int
    human_seconds: float

    @property
    def human_minutes(self) -> int:
        return round(self.human_seconds / 60)


@dataclass(frozen=True)
class Offer:
    """A run without `person`: exact through `iteration`, from `calls` stored responses and `answers` of others.

    `given` are that person's own answers there, `alone` those of them that nobody else's stands beside.
    """

    person: User
    iteration: int
    given: int
    alone: int
    answers: int
    calls: int
    by_people: Price
    by_judge: Price

    @property
    def name(self) -> str:
        return name_of(self.person)

    @property
    def iteration_name(self) -> int:
        return self.iteration + 1


def without_offers(run: Run) -> list[Offer]:
    """Everyone whose answers a step of the run has used, and what it would take to go on without them."""
    if run.program_version is None:
        return []
    firsts = (
        Application.objects.filter(step__run=run, answer__request__run=run)
        .values_list("answer__user")
        .annotate(first=Min("step__iteration"))
        .order_by("answer__user")
    )
    people = User.objects.in_bulk([user for user, _ in firsts])
    return [_offer(run, people[user], first) for user, first in firsts]


def run_without(*, run: Run, user: User, person: User, judge: Choice | None = None, name: str = "") -> Run:
    """Launch the counterfactual. `judge` judges after the first step; people do where it is None.

    Raises Conflict where there is nothing to leave out or it could not be exact, LaunchError for a judge that does not do.
    """
    offer = next((one for one in without_offers(run) if one.person == person), None)
    if offer is None or run.program_version is None:
        raise Conflict(_nothing_of(run, person))
    if changed := drift(run):
        raise Conflict(changed.replace("Nothing was applied.", "It could not be exact."))
    if LATE_ANSWERS in run.iterations.get(number=offer.iteration).state.get("memory", {}):
        raise Conflict(
            f"The first step that used an answer of {name_of(person)} was taken from late answers alone: without them there "
            "is no such step to begin at."
        )
    config = RunConfig.model_validate(run.config)
    if judge is not None:
        launch_check(config.model_copy(update={"loss": judge}), run.program_version, run.dataset_version)
    with transaction.atomic():
        fork = run_fork(
            run=run,
            user=user,
            iteration=offer.iteration,
            name=name or f"{run.name}, without {name_of(person)}"[:160],
        )
        later = Later(after=offer.iteration, loss=judge) if judge else config.later
        fork.without = person
        fork.config = (
            RunConfig.model_validate(fork.config).model_copy(update={"later": later}).model_dump(mode="json")
        )
        then = "a model judges" if judge else f"people are asked, but not {name_of(person)}"
        fork.reason = f"“{run.name}” without {name_of(person)}: exact through the step of iteration {offer.iteration_name}, then {then}."
        fork.save(update_fields=["without", "config", "reason"])
    return Run.objects.get(pk=fork.pk)


def judge_offered(run: Run) -> Choice:
    """The model judge that takes the people's place where none is named: the run's own, or who is asked their questions.

    Raises Conflict for a run that has no prompts.
    """
    if run.kind != RunKind.PROMPTS:
        raise Conflict(
            f"“{run.name}” trains weights: it can be asked about its prompts alone, and it has none."
        )
    return judge_of(RunConfig.model_validate(run.config))


def _offer(run: Run, person: User, first: int) -> Offer:
    there = Answer.objects.filter(request__run=run, request__iteration=first, request__item__isnull=False)
    given = there.filter(user=person)
    others = there.exclude(user=person)
    alone = given.exclude(request__in=others.values("request")).count()
    kept = Call.objects.filter(run=run, iteration=first, item__kind="forward").count()
    asked = FeedbackRequest.objects.filter(run=run, iteration=first, item__kind="forward").count()
    wanted = RunConfig.model_validate(run.config).people.wanted
    config = RunConfig.model_validate(run.config)
    late = LateReading.objects.filter(run=run, iteration=first).values("answer").distinct()
    late_given = late.filter(answer__user=person).count()
    judged = config.model_copy(update={"loss": judge_offered(run)})
    first_step = list(_estimates(run, config, 1))
    left = config.iterations - first - 1
    return Offer(
        person=person,
        iteration=first,
        given=given.count() + late_given,
        alone=alone,
        answers=others.count() + late.count() - late_given,
        calls=kept,
        by_people=_price([*first_step, *_estimates(run, config, left)], kept, asked * wanted),
        by_judge=_price([*first_step, *_estimates(run, judged, left)], kept, asked * wanted),
    )


def _estimates(run: Run, config: RunConfig, iterations: int) -> Iterator[tuple[Estimate, int]]:
    """Estimates with their signs: so many iterations, less the scoring at the start, which is done."""
    assert run.program_version is not None
    program, sizes = program_of(run.program_version), run.dataset_version.sizes
    for count, sign in ((iterations, 1), (0, -1)):
        counted = config.model_copy(update={"iterations": count})
        yield launch_estimate(run.workspace, counted, program, sizes), sign


def _price(estimates: list[tuple[Estimate, int]], calls_kept: int, questions_kept: int) -> Price:
    calls = sum(sign * one.calls for one, sign in estimates)
    questions = sum(sign * one.questions for one, sign in estimates)
    dollars = sum(sign * one.dollars for one, sign in estimates)
    seconds = sum(sign * one.human_seconds for one, sign in estimates)
    left_calls, left_questions = max(calls - calls_kept, 0), max(questions - questions_kept, 0)
    return Price(
        calls=left_calls,
        dollars=dollars * left_calls / calls if calls else 0.0,
        questions=left_questions,
        human_seconds=seconds * left_questions / questions if questions else 0.0,
    )


def _nothing_of(run: Run, person: User) -> str:
    if run.parent is not None and Answer.objects.filter(request__run=run.parent, user=person).exists():
        return f"What {name_of(person)} answered lies in the past that this run shares with “{run.parent.name}”: ask it of that run."
    return (
        f"No step of “{run.name}” has used an answer of {name_of(person)}: without them it would be the same."
    )
