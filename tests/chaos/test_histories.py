"""Random histories of a run: whatever happens in whatever order, the invariants hold and the end is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from optimization.feedback.services import answer_submit, claim_next, claim_release
from optimization.llm import Completion, CompletionRequest, EndpointConfig
from optimization.llm.wire import request_body
from optimization.models import (
    Answer,
    Claim,
    Effect,
    FeedbackRequest,
    Run,
    RunState,
    Step,
    WorkItem,
    WorkState,
)
from optimization.rehearsal import MODEL
from optimization.rehearsal.player import play
from optimization.rehearsal.wire import ChatRequest
from optimization.runs.engine.advance import advance
from optimization.runs.engine.leases import expire, settle, take
from optimization.runs.services import run_cancel, run_fork, run_pause, run_resume
from optimization.runs.work.writer import Writer
from tests.chaos.scale import tally, times
from tests.chaos.scene import Person, assert_nothing_lost_nothing_twice, going, story
from tests.engine.loop import KINDS, close
from tests.engine.test_loop import strict
from workers.drive import drive
from workers.process import Process
from workers.sweeper import sweep

pytestmark = [pytest.mark.timeout(3600), pytest.mark.django_db(transaction=True)]


class Model:
    """The rehearsal's model without a server; its caller may die, as a cancelled task does, at the nth call."""

    def __init__(self) -> None:
        self.dies_after: int | None = None

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                raise asyncio.CancelledError
        asked = ChatRequest.model_validate(request_body(EndpointConfig(MODEL), request))
        return Completion(text=play(asked), model=MODEL)

    async def aclose(self) -> None:
        pass


class Histories(RuleBasedStateMachine):
    """One run and its forks, in one process; a crash is work that was taken and never heard of again."""

    begin: ClassVar[Callable[..., Run]]
    user: ClassVar[User]
    operator: ClassVar[User]
    process: ClassVar[Process]
    model: ClassVar[Model]
    undisturbed: ClassVar[dict[str, Any]]
    counts: ClassVar[dict[str, int]] = {"histories": 0, "events": 0}

    def __init__(self) -> None:
        super().__init__()
        self.run = type(self).begin()
        self.runs = [self.run]
        self.person = Person(self.user)
        self.dead: list[WorkItem] = []
        self.done: set[int] = set()

    def is_going(self) -> bool:
        return going(self.run)

    def is_paused(self) -> bool:
        self.run.refresh_from_db()
        return self.run.state == RunState.PAUSED

    @rule(again=st.integers(1, 3))
    def start(self, again: int) -> None:
        for _ in range(again):
            advance(self.run.pk)

    @rule()
    def work(self) -> None:
        self._drive(self.run)

    def _drive(self, run: Run) -> None:
        due = set(WorkItem.objects.filter(run=run, state=WorkState.DUE).values_list("kind", flat=True))
        for kinds in KINDS:
            if due.intersection(kinds):
                self.process.runner.run(drive(run.pk, kinds, self.process))

    @rule(after=st.integers(0, 4))
    def crash_between_calls(self, after: int) -> None:
        self.model.dies_after = after
        self.work()
        self.model.dies_after = None

    @rule(limit=st.integers(1, 3), kinds=st.sampled_from(KINDS))
    def crash_with_work_in_hand(self, limit: int, kinds: tuple[str, ...]) -> None:
        self.dead += take(kinds=kinds, run_id=self.run.pk, limit=limit)

    @rule()
    def expire_leases(self) -> None:
        held = WorkItem.objects.filter(state=WorkState.LEASED)
        held.update(lease_until=Now() - timedelta(seconds=1))
        expire()

    @precondition(lambda self: self.dead)
    @rule()
    def the_dead_write_late(self) -> None:
        """Their leases expired, whoever holds the items now."""
        self.expire_leases()
        while self.dead:
            assert settle(self.dead.pop(), {"from": "the dead"}) is False

    @rule()
    def sweep(self) -> None:
        sweep()

    @rule(copies=st.integers(1, 3))
    def answer_one(self, copies: int) -> None:
        if claim := claim_next(workspace=self.run.workspace, user=self.user):
            self._submit(claim, copies)

    def _submit(self, claim: Claim, copies: int = 1) -> None:
        request = FeedbackRequest.objects.get(pk=claim.request_id)
        sent = {
            answer_submit(
                request=request,
                user=self.user,
                fence=claim.fence,
                client_key=f"{request.pk}",
                body=strict(request.question),
            ).pk
            for _ in range(copies)
        }
        assert len(sent) == 1
        self.person.given[request.run_id] |= sent

    @rule()
    def claim_and_put_off(self) -> None:
        if claim := claim_next(workspace=self.run.workspace, user=self.user):
            claim_release(request=claim.request, user=self.user, fence=claim.fence)

    @rule(back=st.booleans())
    def claim_and_let_it_lapse(self, back: bool) -> None:
        if claim := claim_next(workspace=self.run.workspace, user=self.user):
            Claim.objects.filter(pk=claim.pk).update(expires_at=Now() - timedelta(seconds=1))
            if back:
                self._submit(claim)

    @precondition(is_going)
    @rule()
    def pause(self) -> None:
        run_pause(run=self.run, user=self.operator)

    @precondition(is_paused)
    @rule()
    def resume(self) -> None:
        run_resume(run=self.run, user=self.operator)

    @precondition(lambda self: len(self.runs) == 1)
    @rule(at=st.integers(0, 1))
    def fork(self, at: int) -> None:
        self.run.refresh_from_db()
        if at <= self.run.iteration:
            self.runs.append(run_fork(run=self.run, user=self.operator, iteration=at, iterations=2))

    @precondition(lambda self: len(self.runs) == 2)
    @rule()
    def cancel_the_fork(self) -> None:
        fork = self.runs[1]
        fork.refresh_from_db()
        if fork.state == RunState.RUNNING:
            run_cancel(run=fork, user=self.operator)

    @invariant()
    def nothing_is_lost_or_done_twice(self) -> None:
        self.counts["events"] += 1
        for run in self.runs:
            run.refresh_from_db()
            assert run.state != RunState.NEEDS_ATTENTION, run.reason
            assert_nothing_lost_nothing_twice(run, self.person)
        done = set(Effect.objects.exclude(done_at=None).values_list("pk", flat=True))
        assert self.done <= done, "an effect that was done is so no more"
        self.done = done

    def teardown(self) -> None:
        """However it went: let it go on, and it comes to the same end. A fork comes to it, too."""
        if self.is_paused():
            self.resume()
        for run in self.runs:
            self._to_the_end(run)
        assert story(self.run) == self.undisturbed
        for fork in self.runs[1:]:
            if fork.state == RunState.FINISHED:
                assert story(fork)["trainer"] == self.undisturbed["trainer"]
                assert _last_prompts(fork) == _last_prompts(self.run)
        self.counts["histories"] += 1

    def _to_the_end(self, run: Run) -> None:
        for _ in range(60):
            if not going(run):
                return
            self.expire_leases()
            advance(run.pk)
            self._drive(run)
            advance(run.pk)
            for claim in iter(lambda: claim_next(workspace=run.workspace, user=self.user), None):
                self._submit(claim)
        raise AssertionError(f"the run does not end: {run.state}, {run.reason}")


def _last_prompts(run: Run) -> list[tuple[str, str]]:
    step = Step.objects.filter(run=run).order_by("-iteration").first()
    return sorted(step.candidate.versions.values_list("name", "value")) if step else []


@pytest.mark.parametrize("piece", range(times(1, 10)))
def test_random_histories_hold_every_invariant(
    piece: int,
    begin: Callable[..., Run],
    annotator: User,
    operator: User,
    undisturbed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, process = Model(), Process(writer=Writer(gather_seconds=0.001))
    monkeypatch.setattr("optimization.runs.work.endpoints.EndpointPool.manager", lambda pool, run: model)
    monkeypatch.setattr("workers.nudges._send", lambda task, run: None)
    Histories.begin, Histories.user, Histories.operator = staticmethod(begin), annotator, operator
    Histories.process, Histories.model, Histories.undisturbed = process, model, undisturbed
    Histories.counts = {"histories": 0, "events": 0}
    try:
        run_state_machine_as_test(
            seed(piece)(Histories),
            settings=settings(
                max_examples=times(12, 100),
                stateful_step_count=12,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        close(process)
    tally(f"Random histories, of seed {piece}", **Histories.counts, answers=Answer.objects.count())
