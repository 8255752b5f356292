"""A run's state as a sentence, with its tone, since when, and the next thing to do.

A page of runs costs as many queries as one run: `run_statuses` asks for all of them together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.db.models import Avg, Count, Max, Min, Q, Sum

from optimization.models import (
    Activity,
    Answer,
    Audience,
    Effect,
    FeedbackRequest,
    ProposalReview,
    RequestState,
    Run,
    RunState,
    WorkItem,
    WorkState,
)
from optimization.models.feedback import NEVER
from optimization.runs.stuck import last_errors, passed_on_by_all
from optimization.runs.words import counted, estimate_in_words

Tone = Literal["acts", "waits", "stopped", "done", "attention"]
SECONDS_AN_ANSWER = 45.0
"""What an answer takes while a run has none from which to tell."""

ACTING = {
    "forward": "Running the program: {done} of {total} examples",
    "backward": "Carrying the feedback back: {done} of {total}",
    "propose": "Rewriting the prompts",
    "evaluate": "Scoring the prompts: {done} of {total} examples",
    "commit": "Taking the step",
    "rollout": "Sampling completions",
    "reward": "Scoring completions: {done} of {total} prompts",
    "train": "Training on them",
    "evaluate_policy": "Measuring the checkpoint",
    "approve": "Waiting for a decision on the rewritten prompts",
}
# What becomes of a question whose time has run out.
THEN = {
    "go_on": "the run goes on with the answers that are there",
    "model": "a model is asked in place of people",
    "extend": "as much time is given again",
    "stop": "the run stops for an operator",
}
# And of a proposal, where that is something else.
THEN_OF_PROPOSALS = THEN | dict.fromkeys(("go_on", "model"), "the prompts in force are kept")
# Of a run that does not run: its tone, its name and the next thing to do, where its reason names none.
STANDING: dict[RunState, tuple[Tone, str, str]] = {
    RunState.PAUSED: ("stopped", "Paused", "Resume it, and it goes on with iteration {iteration}."),
    RunState.NEEDS_ATTENTION: (
        "attention",
        "Needs attention",
        "Nothing that was paid for is asked again.",
    ),
    RunState.CANCELLED: ("stopped", "Cancelled", "Its prompts and answers are kept."),
    RunState.FINISHED: ("done", "Finished", "Read what changed, or launch it again with other settings."),
}


@dataclass(frozen=True)
class RunStatus:
    """`reason` says why a run needs attention; `progress` counts the present phase's parts; `judgeable` that people
    can answer something now, `decidable` that a proposal waits for an operator's word, `disputed` how many questions
    wait for nothing but a reviewer's. `due` is when the time of the
    first open question, or of the proposal, runs out, and `then` what the run does in that case. `trouble` is the last
    error of what is tried again by itself; `stuck` counts the questions that everybody has passed on."""

    sentence: str
    since: datetime
    tone: Tone
    next_step: str
    reason: str = ""
    progress: tuple[int, int] | None = None
    judgeable: bool = False
    decidable: bool = False
    disputed: int = 0
    due: datetime | None = None
    then: str = ""
    trouble: str = ""
    stuck: int = 0


@dataclass
class _Waiting:
    """Answers given and wanted of one audience, since when."""

    given: int = 0
    wanted: int = 0
    since: datetime | None = None
    due: datetime | None = None

    @property
    def left(self) -> int:
        return self.wanted - self.given


@dataclass
class _Moment:
    """What a running run is in the middle of."""

    kind: str = ""
    since: datetime | None = None
    done: int = 0
    total: int = 0
    waiting: dict[str, _Waiting] = field(default_factory=lambda: defaultdict(_Waiting))
    disputed: int = 0
    disputed_since: datetime | None = None
    pace: float = SECONDS_AN_ANSWER
    trouble: str = ""
    stuck: int = 0
    decide_by: datetime | None = None


def run_status(run: Run) -> RunStatus:
    return run_statuses([run])[run.pk]


def run_statuses(runs: Iterable[Run]) -> dict[int, RunStatus]:
    """The status of each run by its id, in a fixed number of queries."""
    runs = list(runs)
    moments = _moments([run for run in runs if run.state == RunState.RUNNING])
    return {run.pk: _status(run, moments.get(run.pk)) for run in runs}


def _status(run: Run, moment: _Moment | None) -> RunStatus:
    if moment is not None:
        return _running(run, moment)
    tone, name, next_step = STANDING[RunState(run.state)]
    next_step = next_step.format(iteration=run.iteration + 1)
    if tone == "attention":
        return RunStatus(name, run.state_since, tone, next_step, run.reason)
    said, _, more = run.reason.partition(". ")
    return RunStatus(said.rstrip(".") or name, run.state_since, tone, more or next_step)


def _running(run: Run, moment: _Moment) -> RunStatus:
    if moment.kind == "approve":
        next_step = "Accept the proposal, edit it or keep the old prompts: the run goes on from there."
        return RunStatus(
            ACTING["approve"],
            moment.since or run.state_since,
            "waits",
            next_step,
            decidable=True,
            due=moment.decide_by,
            then=_then(run, THEN_OF_PROPOSALS) if moment.decide_by else "",
        )
    people, colleagues = moment.waiting[Audience.PEOPLE], moment.waiting[Audience.REHEARSAL]
    waits = run.activity == Activity.PEOPLE or 0 < moment.total == moment.done
    if waits and moment.stuck and moment.stuck == people.left + colleagues.left:
        sentence = f"Nobody is left to answer {counted(moment.stuck, 'question')}"
        next_step = "Everybody who may judge has passed on it: say what is to become of it."
        asked_since = people.since or colleagues.since or run.state_since
        return RunStatus(sentence, asked_since, "attention", next_step, stuck=moment.stuck)
    if waits and people.left:
        time = estimate_in_words(people.left * moment.pace)
        sentence = f"Waiting for people: {people.given} of {people.wanted}, {time}"
        next_step = "Judge what waits, or leave it: the run goes on when the answers are in."
        since, progress = people.since, (people.given, people.wanted)
    elif waits and colleagues.left:
        sentence = f"Waiting for rehearsal colleagues: {colleagues.given} of {colleagues.wanted}"
        next_step = "Nothing to do: they are programs and answer by themselves."
        since, progress = colleagues.since, (colleagues.given, colleagues.wanted)
    elif waits and moment.disputed:
        sentence = f"Waiting for a reviewer: {counted(moment.disputed, 'disagreement')}"
        next_step = "Everybody has answered; what they judged too differently waits for a decision."
        since, progress = moment.disputed_since, (people.given, people.wanted)
    else:
        sentence = ACTING.get(moment.kind, f"Beginning iteration {run.iteration + 1}")
        sentence = sentence.format(done=moment.done, total=moment.total)
        next_step = "Nothing to do: it goes on by itself."
        waits, since, progress = False, moment.since, (moment.done, moment.total)
    return RunStatus(
        sentence,
        since or run.state_since,
        "waits" if waits else "acts",
        next_step,
        progress=progress if progress[1] else None,
        judgeable=people.left > 0,
        disputed=moment.disputed if waits and not people.left + colleagues.left else 0,
        due=people.due,
        trouble=moment.trouble,
        stuck=moment.stuck,
        then=_then(run, THEN) if people.due else "",
    )


def _then(run: Run, words: Mapping[str, str]) -> str:
    return words.get(run.config.get("people", {}).get("on_deadline", ""), "")


def _moments(runs: Sequence[Run]) -> dict[int, _Moment]:
    moments = {run.pk: _Moment() for run in runs}
    if not moments:
        return moments
    effects = _open_effects(runs, moments)
    _count_work(effects, moments)
    _count_answers(effects, moments)
    for run_id, item in last_errors(effects).items():
        moments[run_id].trouble = item.last_error
    undecided = ProposalReview.objects.filter(run__in=moments, decision="", item__effect__in=effects)
    for run_id, due in undecided.values_list("run_id", "due_at"):
        moments[run_id].decide_by = due
    for request in passed_on_by_all(runs):
        moments[request.run_id].stuck += request.wanted - request.taken
    return moments


def _open_effects(runs: Sequence[Run], moments: dict[int, _Moment]) -> list[int]:
    """Ids of the effects under way; the last of a run names what it is doing."""
    rows = Effect.objects.filter(run__in=[run.pk for run in runs], done_at=None).order_by("ordinal")
    effects = []
    for effect_id, run_id, kind, since in rows.values_list("pk", "run_id", "kind", "created_at"):
        effects.append(effect_id)
        moments[run_id].kind, moments[run_id].since = kind, since
    return effects


def _count_work(effects: Sequence[int], moments: dict[int, _Moment]) -> None:
    """An item that waits for people has done its part of running the program."""
    over = Q(state__in=[WorkState.DONE, WorkState.WAITING])
    rows = WorkItem.objects.filter(effect__in=effects).values("run_id", "kind")
    for row in rows.annotate(total=Count("pk"), done=Count("pk", filter=over)):
        moment = moments[row["run_id"]]
        if row["kind"] == moment.kind:
            moment.done, moment.total = row["done"], row["total"]


def _count_answers(effects: Sequence[int], moments: dict[int, _Moment]) -> None:
    over = [RequestState.WITHDRAWN, RequestState.EXPIRED]
    asked = FeedbackRequest.objects.filter(item__effect__in=effects, twin_of=None).exclude(state__in=over)
    wanted = asked.values_list("run_id", "audience").annotate(
        places=Sum("wanted"),
        since=Min("created_at", filter=Q(state=RequestState.OPEN)),
        due=Min("deadline", filter=Q(state=RequestState.OPEN, deadline__lt=NEVER)),
        disputed=Count("pk", filter=Q(state=RequestState.DISPUTED)),
    )
    for run_id, audience, number, since, due, disputed in wanted.order_by():
        waiting = moments[run_id].waiting[audience]
        waiting.wanted, waiting.since, waiting.due = number, since, due
        moments[run_id].disputed += disputed
    answers = Answer.objects.filter(request__item__effect__in=effects).exclude(request__state__in=over)
    given = answers.values_list("request__run_id", "request__audience").annotate(
        Count("pk"), last=Max("created_at", filter=Q(request__state=RequestState.DISPUTED))
    )
    for run_id, audience, number, last in given.order_by():
        moments[run_id].waiting[audience].given = number
        moments[run_id].disputed_since = last or moments[run_id].disputed_since
    timed = Answer.objects.filter(request__run__in=moments, request__audience=Audience.PEOPLE, seconds__gt=0)
    for run_id, pace in timed.values_list("request__run_id").annotate(Avg("seconds")).order_by():
        moments[run_id].pace = pace
