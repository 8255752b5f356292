"""The run that chaos is done to: two examples an iteration, judged by a person, a held-out score by the model.

Everything in it is a function of what is asked, so that whatever happens on the way, the end is the same to the byte.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F
from starlette.requests import Request
from starlette.responses import Response

from optimization.feedback.services import answer_submit, claim_next
from optimization.models import (
    Answer,
    Application,
    Call,
    Candidate,
    Effect,
    Endpoint,
    FeedbackRequest,
    ParameterVersion,
    Run,
    RunState,
    Score,
    Step,
    WorkItem,
    WorkState,
)
from optimization.rehearsal.endpoint import Options, RehearsalEndpoint, serving
from tests.chaos.arena import Arena
from tests.engine.test_loop import strict
from tests.house.waiting import wait_until


class CountingEndpoint(RehearsalEndpoint):
    """The rehearsal endpoint, which counts the calls that reach it."""

    calls = 0

    async def complete(self, request: Request) -> Response:
        self.calls += 1
        return await super().complete(request)


@contextmanager
def counting(options: Options) -> Iterator[CountingEndpoint]:
    """A counting endpoint, which every endpoint of the database now leads to."""
    endpoint = CountingEndpoint(options)
    with serving(endpoint.app()) as address:
        Endpoint.objects.update(base_url=f"{address}/v1", revision=F("revision") + 1)
        yield endpoint


class Person:
    """Answers whatever waits; `given` keeps, by run, the numbers of the answers that were acknowledged."""

    def __init__(
        self, user: User, judge: Callable[[dict[str, Any]], dict[str, Any]] = strict, copies: int = 1
    ) -> None:
        self.user = user
        self.given: dict[int, set[int]] = defaultdict(set)
        self._judge = judge
        self.copies = copies

    def answer(self, run: Run) -> None:
        """Answer what waits now; each answer is sent `copies` times."""
        while claim := claim_next(workspace=run.workspace, user=self.user):
            request = FeedbackRequest.objects.get(pk=claim.request_id)
            for _ in range(self.copies):
                answer = answer_submit(
                    request=request,
                    user=self.user,
                    fence=claim.fence,
                    client_key=f"{request.pk}",
                    body=self._judge(request.question),
                    seconds=5.0,
                )
            self.given[run.pk].add(answer.pk)


def story(run: Run) -> dict[str, Any]:
    """All that a run has come to, without row numbers, times and how often it was tried."""
    run.refresh_from_db()
    return {
        "state": run.state,
        "iteration": run.iteration,
        "trainer": run.trainer_state,
        "optimizer": run.optimizer_state,
        "versions": list(
            ParameterVersion.objects.filter(run=run)
            .order_by("name", "number")
            .values_list("name", "number", "value", "feedback")
        ),
        "candidates": list(
            Candidate.objects.filter(run=run).order_by("key").values_list("key", "optimizer_state")
        ),
        "effects": list(
            Effect.objects.filter(run=run)
            .order_by("iteration", "ordinal")
            .values_list("iteration", "ordinal", "kind")
        ),
        "items": list(
            WorkItem.objects.filter(run=run)
            .order_by("effect__iteration", "effect__ordinal", "index")
            .values_list("kind", "index", "state")
        ),
        "calls": list(Call.objects.filter(run=run).order_by("key").values_list("key", "digest", "text")),
        "answers": list(
            Answer.objects.filter(request__run=run)
            .order_by("request__key")
            .values_list("request__key", "body")
        ),
        "applied": list(
            Application.objects.filter(step__run=run)
            .order_by("answer__request__key")
            .values_list("step__iteration", "answer__request__key")
        ),
        "steps": list(
            Step.objects.filter(run=run).order_by("iteration").values_list("iteration", "candidate__key")
        ),
        "scores": list(
            Score.objects.filter(run=run).order_by("position").values_list("position", "mean", "count")
        ),
    }


def assert_nothing_lost_nothing_twice(run: Run, person: Person | None = None) -> None:
    """What must hold for every run at every moment."""
    answers = set(Answer.objects.filter(request__run=run).values_list("pk", flat=True))
    if person is not None:
        assert person.given[run.pk] <= answers, "an acknowledged answer is gone"
    steps = Step.objects.filter(run=run)
    assert not steps.values("iteration", "revision").annotate(times=Count("pk")).filter(times__gt=1).exists()
    applied = Application.objects.filter(step__run=run)
    assert not applied.values("answer").annotate(times=Count("pk")).filter(times__gt=1).exists()
    used = Answer.objects.filter(request__run=run, request__iteration__in=steps.values("iteration"))
    assert used.count() == applied.count(), "a step has left an answer of its iteration out"
    calls = Call.objects.filter(run=run)
    assert not calls.values("key").annotate(times=Count("pk")).filter(times__gt=1).exists()
    crowded = FeedbackRequest.objects.filter(run=run).annotate(given=Count("answers"))
    assert not crowded.filter(given__gt=F("wanted")).exists()
    held = WorkItem.objects.filter(run=run, state=WorkState.LEASED)
    assert not held.filter(lease_until=None).exists()
    if run.state == RunState.FINISHED:
        assert not WorkItem.objects.filter(run=run).exclude(state=WorkState.DONE).exists()
        assert not Effect.objects.filter(run=run, done_at=None).exists()


def going(run: Run) -> bool:
    run.refresh_from_db()
    return run.state == RunState.RUNNING


def finishes(run: Run, arena: Arena, person: Person | None = None, seconds: float = 120) -> None:
    """Wait until the run has finished, its questions answered as they come."""

    def over() -> bool:
        if person is not None:
            person.answer(run)
        return not going(run)

    wait_until(over, seconds)
    assert run.state == RunState.FINISHED, f"{run.reason}\n{arena.read_log()[-4000:]}"
