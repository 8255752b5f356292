"""Minibatch training: judge a batch, carry the feedback back, take a step (opto.trainer.algorithms.basic_algorithms)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from optimization.trainers.batches import next_batch
from optimization.trainers.effects import (
    Evaluate,
    Evaluation,
    Forward,
    Outcome,
    Proposal,
    Propose,
    Split,
    TrainerState,
)
from optimization.trainers.plan import Plan
from optimization.trainers.trainer import Steps, Trainer


class MinibatchPlan(Plan):
    ensure_improvement: bool = Field(
        False,
        description="Judge the changed program on the same batch, and keep the change only if it is better.",
    )
    improvement_threshold: float = Field(0.0, description="By how much the score must be better.")


class Minibatch(Trainer):
    """One batch an iteration. Each example's feedback stays a feedback of its own, which the optimizer sums up.

    An update is accepted if its score on the batch is above the current one plus the threshold; the incumbent wins a
    tie. `forward`, `update`, `optimizer_step` and `has_improvement` may be overridden.
    """

    Plan: ClassVar[type[Plan]] = MinibatchPlan
    plan: MinibatchPlan
    aggregate: ClassVar[bool] = False

    def iteration(self, state: TrainerState) -> Steps[TrainerState]:
        if state.iteration == 0:
            state = yield from self.tested(state, 0)
        batch, after = next_batch(state, self.sizes["train"], self.plan.batch_size)
        outcomes = yield from self.forward(state.candidate, batch)
        state = after.model_copy(update={"score": self.mean(outcomes), "iteration": state.iteration + 1})
        state = yield from self.update(state, outcomes)
        return (yield from self.tested(state, state.iteration))

    @property
    def decides_by(self) -> frozenset[Split]:
        return frozenset({"train"} if self.plan.ensure_improvement else ())

    def forward(self, candidate: str, batch: tuple[int, ...]) -> Steps[tuple[Outcome, ...]]:
        """The batch's outcomes that count, each with its feedback and tape."""
        outcomes = yield Forward(candidate=candidate, examples=batch, samples=self.plan.num_samples)
        return self.settled(outcomes)

    def update(self, state: TrainerState, outcomes: tuple[Outcome, ...]) -> Steps[TrainerState]:
        """Feedback back to the parameters, and a step; without any feedback everything stays."""
        if not (yield from self.optimized(state.candidate, outcomes, self.aggregate)):
            return state
        proposal = yield from self.optimizer_step(state, outcomes)
        if proposal is None:
            return state
        return (yield from self.committed(state, proposal))

    def optimizer_step(self, state: TrainerState, outcomes: tuple[Outcome, ...]) -> Steps[Proposal | None]:
        """The proposal to commit, or None to stay."""
        proposals: tuple[Proposal, ...] = yield Propose(candidate=state.candidate)
        proposal = proposals[0]
        if not proposal.changed:
            return None
        if self.plan.ensure_improvement and not (yield from self.has_improvement(proposal, outcomes)):
            return None
        return proposal

    def has_improvement(self, proposal: Proposal, outcomes: tuple[Outcome, ...]) -> Steps[bool]:
        """Is the proposal better on the batch that the outcomes are of?"""
        evaluation: Evaluation = yield Evaluate(
            candidate=proposal.candidate,
            examples=tuple(dict.fromkeys(outcome.example for outcome in outcomes)),
            split="train",
            samples=self.plan.num_samples,
            guide="train",
        )
        return self.better(self.standing(evaluation.outcomes), self.standing(outcomes))

    def better(self, new: float, current: float) -> bool:
        """Is `new` above `current` plus the threshold?"""
        return new > current + self.plan.improvement_threshold


class MinibatchAlgorithm(Minibatch):
    """Minibatch with the feedback of the batch made one, "ID [i]: ..." before each example's, and one step taken."""

    aggregate = True
