"""Trainer: an algorithm whose iteration is a generator of effects.

A driver prepares it, runs `iteration(state)` until `finished(state)`, carries out what it yields and sends the results
back. An iteration is pure: it knows the plan, the sizes of the splits and the state, and nothing else, so it can be
run again from its start with the results that are already there. What is worth overriding is a sub-generator, used
with `yield from`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from optimization.core import Module
from optimization.optimizers import Optimizer
from optimization.trainers.effects import (
    Approve,
    Backward,
    Commit,
    Effect,
    Evaluate,
    Evaluation,
    Outcome,
    Proposal,
    Split,
    TrainerState,
)
from optimization.trainers.plan import Plan

if TYPE_CHECKING:
    from optimization.trainers.guide import Judge

T = TypeVar("T")
Steps = Generator[Effect | list[Effect], Any, T]


def threads(num_threads: int) -> int:
    """How many examples run at once, if that is a number of them; ValueError otherwise."""
    if not isinstance(num_threads, int) or num_threads < 1:
        raise ValueError(
            f"num_threads is how many examples run at once, 1 or more, not {num_threads!r}; leave it out for no limit."
        )
    return num_threads


class Algorithm(Protocol):
    """What a driver needs of an algorithm while it runs."""

    def iteration(self, state: TrainerState) -> Steps[TrainerState]: ...

    def finished(self, state: TrainerState) -> str | None: ...


class Trainer:
    """Base of all algorithms. A subclass writes `iteration`, and extends `Plan` with its arguments.

    `agent` and `optimizer` are needed by `train` alone: a durable driver brings its own.
    """

    Plan: ClassVar[type[Plan]] = Plan
    keeps_pool: ClassVar[bool] = False
    """Whether it chooses the current candidate among all of its own, so that none given from outside would stay."""

    def __init__(
        self,
        agent: Module | None = None,
        optimizer: Optimizer | None = None,
        num_threads: int | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        if num_threads is not None:
            threads(num_threads)
        self.agent = agent
        self.optimizer = optimizer
        self.num_threads = num_threads
        self.logger = logger or logging.getLogger("handgrad.trainer")
        self.plan = self.Plan()
        self.sizes: dict[Split, int] = {}

    def prepare(self, sizes: Mapping[Split, int], seed: int = 0, **arguments: Any) -> TrainerState:
        """Take over the sizes of the splits and the arguments; the state before the first iteration.

        Raises PlanError for an argument that does not fit, ValueError if there is nothing to train on.
        """
        if not sizes.get("train"):
            raise ValueError("There is nothing to train on: the training set has no examples.")
        self.plan = self.Plan.read(type(self).__name__, arguments)
        self.sizes = {split: size for split, size in sizes.items() if size}
        return TrainerState(seed=seed)

    def iteration(self, state: TrainerState) -> Steps[TrainerState]:
        """One iteration: yields effects, is sent their results, returns the state for the next one."""
        raise NotImplementedError(
            f"{type(self).__name__} has no iteration(): write one as a generator of effects."
        )

    @property
    def decides_by(self) -> frozenset[Split]:
        """The guides whose scores decide between candidates; none where no scores are compared."""
        return frozenset()

    def finished(self, state: TrainerState) -> str | None:
        """In words why there is no further iteration, or None."""
        if self.plan.num_epochs is not None and state.epoch >= self.plan.num_epochs:
            return f"Finished after {state.epoch} epoch{'' if state.epoch == 1 else 's'}."
        return None

    async def train(self, guide: Judge, train_dataset: Mapping[str, Any], **keywords: Any) -> Any:
        """Train the agent in this process: see `trainers.training.train`, whose keywords these are."""
        from optimization.trainers.training import train  # it drives trainers: it imports this file

        return await train(self, guide, train_dataset, **keywords)

    async def evaluate(
        self,
        agent: Module,
        guide: Judge,
        xs: Sequence[Any],
        infos: Sequence[Any],
        *options: Any,
        **keywords: Any,
    ) -> float | None:
        """The agent's mean score: see `trainers.training.evaluate`, whose arguments these are."""
        from optimization.trainers.training import evaluate  # it drives trainers: it imports this file

        return await evaluate(self, agent, guide, xs, infos, *options, **keywords)

    # -- sub-generators that algorithms share ----------------------------------------------------------------

    def tested(self, state: TrainerState, done: int) -> Steps[TrainerState]:
        """The state with the current candidate's test score, if after `done` iterations a test is due."""
        if not self.tests_after(done):
            return state
        evaluation: Evaluation = yield Evaluate(
            candidate=state.candidate,
            examples=tuple(range(self.sizes["test"])),
            samples=self.plan.num_eval_samples,
        )
        return state.model_copy(update={"test_score": self.mean(evaluation.outcomes)})

    def tests_after(self, done: int) -> bool:
        """Is a test due after `done` iterations?"""
        frequency = self.plan.eval_frequency
        return bool(frequency and self.sizes.get("test") and done % frequency == 0)

    def optimized(self, candidate: str, outcomes: tuple[Outcome, ...], aggregate: bool) -> Steps[bool]:
        """Carry the feedback of the outcomes back; False if there is none to carry."""
        if not any(outcome.feedback for outcome in outcomes):
            return False
        yield Backward(outcomes=outcomes, aggregate=aggregate)
        return True

    def committed(self, state: TrainerState, proposal: Proposal) -> Steps[TrainerState]:
        """Make the proposal current, if it changes anything and, where asked, a person approves."""
        candidate = proposal.candidate
        if not proposal.changed or candidate == state.candidate:
            return state
        if self.plan.approve:
            approval = yield Approve(proposal=proposal)
            if approval.decision == "rejected":
                return state
            candidate = approval.candidate
        yield Commit(candidate=candidate)
        return state.model_copy(update={"candidate": candidate})

    # -- scores ----------------------------------------------------------------------------------------------

    def settled(self, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
        """The outcomes that count: one that raised gets `min_score` and its error as feedback, or is left out."""
        if self.plan.min_score is None:
            return tuple(outcome for outcome in outcomes if outcome.error is None)
        floor = {"score": self.plan.min_score}
        return tuple(
            outcome
            if outcome.error is None
            else outcome.model_copy(
                update=floor | {"feedback": [[f"The program raised an error: {outcome.error}"]]}
            )
            for outcome in outcomes
        )

    def standing(self, outcomes: Sequence[Outcome]) -> float:
        """The mean score to compare candidates by; minus infinity where every example raised.

        ValueError where outputs were judged and the judge gave no score.
        """
        mean = self.mean(outcomes)
        if mean is not None:
            return mean
        if any(outcome.error is None for outcome in outcomes):
            raise ValueError(
                f"{type(self).__name__} has to compare scores, and the judge gave none. Use a loss with scores "
                "(rubric, verifier, preference, ranking), or an algorithm that does not compare: MinibatchAlgorithm "
                "without ensure_improvement."
            )
        return float("-inf")

    def mean(self, outcomes: Iterable[Outcome]) -> float | None:
        """The mean score of the outcomes that count and have one."""
        scores = [outcome.score for outcome in self.settled(outcomes) if outcome.score is not None]
        return fmean(scores) if scores else None
