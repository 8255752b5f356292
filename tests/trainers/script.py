"""Driving an iteration by hand: effects come out, results that a test chooses go in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optimization.trainers import Trainer
from optimization.trainers.effects import (
    Approval,
    Commit,
    Committed,
    Effect,
    Evaluate,
    Evaluation,
    Forward,
    Merge,
    Outcome,
    Proposal,
    Propose,
    TrainerState,
)

Score = Callable[[str, int], float | None]


def half(candidate: str, example: int) -> float | None:
    return 0.5


class Script:
    """Answers effects as a driver would, with scores from `score(candidate, example)`; remembers what was asked."""

    def __init__(self, score: Score = half, changes: bool = True, approval: str = "approved") -> None:
        self.score = score
        self.changes = changes
        self.approval = approval
        self.asked: list[Effect] = []
        self.made = 0

    def run(self, trainer: Trainer, state: TrainerState) -> TrainerState:
        steps, answer = trainer.iteration(state), None
        try:
            while True:
                asked = steps.send(answer)
                answer = (
                    [self.answer(effect) for effect in asked]
                    if isinstance(asked, list)
                    else self.answer(asked)
                )
        except StopIteration as end:
            return end.value

    def answer(self, effect: Effect) -> Any:
        self.asked.append(effect)
        match effect:
            case Forward():
                return self._outcomes(effect)
            case Evaluate():
                return Evaluation(candidate=effect.candidate, outcomes=self._outcomes(effect))
            case Propose():
                return tuple(self._proposal() for _ in range(effect.n))
            case Merge():
                return self._proposal()
            case Commit():
                return Committed(candidate=effect.candidate)
        if effect.kind == "approve":
            return Approval(
                decision=self.approval,
                candidate="edited" if self.approval == "edited" else effect.proposal.candidate,
            )
        return None

    def kinds(self) -> list[str]:
        return [effect.kind for effect in self.asked]

    def of(self, kind: str) -> list[Any]:
        return [effect for effect in self.asked if effect.kind == kind]

    def _proposal(self) -> Proposal:
        self.made += 1
        return Proposal(candidate=f"c{self.made}", changed=("prompt",) if self.changes else ())

    def _outcomes(self, effect: Forward | Evaluate) -> tuple[Outcome, ...]:
        return tuple(
            Outcome(
                example=example,
                sample=sample,
                output="an output",
                score=self.score(effect.candidate, example),
                feedback=[["better"]],
                tape=f"tape-{example}-{sample}",
            )
            for example in effect.examples
            for sample in range(effect.samples)
        )
