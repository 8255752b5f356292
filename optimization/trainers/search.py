"""Search: several proposals a step, judged side by side, and the best one kept (opto's BasicSearchAlgorithm)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from optimization.trainers.effects import (
    Effect,
    Evaluate,
    Evaluation,
    Outcome,
    Proposal,
    Propose,
    Split,
    TrainerState,
)
from optimization.trainers.minibatch import MinibatchAlgorithm, MinibatchPlan
from optimization.trainers.plan import Plan
from optimization.trainers.trainer import Steps


class SearchPlan(MinibatchPlan):
    ensure_improvement: Literal[True] = Field(
        True, description="Always so: the current values are validated beside the proposals."
    )
    num_proposals: int = Field(4, ge=1, description="Proposals a step, each written by itself.")


class BasicSearchAlgorithm(MinibatchAlgorithm):
    """MinibatchAlgorithm that proposes several updates and keeps the best by the validation set.

    The validation set defaults to the training set. The current candidate is validated beside the proposals, once a
    step, and wins a tie.
    """

    Plan: ClassVar[type[Plan]] = SearchPlan
    plan: SearchPlan

    @property
    def decides_by(self) -> frozenset[Split]:
        return frozenset({"validate"})

    def optimizer_step(self, state: TrainerState, outcomes: tuple[Outcome, ...]) -> Steps[Proposal | None]:
        proposals = yield Propose(candidate=state.candidate, n=self.plan.num_proposals)
        changed = [proposal for proposal in proposals if proposal.changed]
        if not changed:
            return None
        scores = yield from self.validated([state.candidate, *(proposal.candidate for proposal in changed)])
        best = max(range(len(changed)), key=lambda i: (scores[i + 1], -i))
        return changed[best] if self.better(scores[best + 1], scores[0]) else None

    def validated(self, candidates: list[str]) -> Steps[list[float]]:
        """How the candidates stand on the validation set."""
        split: Split = "validate" if self.sizes.get("validate") else "train"
        evaluations: list[Evaluation] = yield [self._validation(candidate, split) for candidate in candidates]
        return [self.standing(evaluation.outcomes) for evaluation in evaluations]

    def _validation(self, candidate: str, split: Split) -> Effect:
        examples = tuple(range(self.sizes[split]))
        return Evaluate(
            candidate=candidate,
            examples=examples,
            split=split,
            samples=self.plan.num_eval_samples,
            guide="validate",
        )
