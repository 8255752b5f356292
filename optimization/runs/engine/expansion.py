"""From an effect to the work items that carry it out, and from their results back to the effect's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from optimization.models import WorkItem
from optimization.runs.policy.expansion import RESULTS as POLICY_RESULTS
from optimization.runs.results import outcomes_of
from optimization.trainers.driver import evaluation
from optimization.trainers.effects import (
    Approval,
    Approve,
    Backward,
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
)

_RESULT: dict[type[Effect], TypeAdapter[Any]] = POLICY_RESULTS | {
    Forward: TypeAdapter(tuple[Outcome, ...]),
    Backward: TypeAdapter(None),
    Propose: TypeAdapter(tuple[Proposal, ...]),
    Evaluate: TypeAdapter(Evaluation),
    Approve: TypeAdapter(Approval),
    Merge: TypeAdapter(Proposal),
    Commit: TypeAdapter(Committed),
}


def read_result(effect: Effect, stored: Any) -> Any:
    """A journalled result as the algorithm expects it."""
    return _RESULT[type(effect)].validate_python(stored)


def write_result(effect: Effect, result: Any) -> Any:
    """A result as JSON data for the journal."""
    return _RESULT[type(effect)].dump_python(result, mode="json")


def payloads(effect: Effect, *, people: int | None, together: bool = False) -> list[dict[str, Any]]:
    """The parts of an effect, one a work item. The first `people` examples of a batch go to people (None: all).

    `together` makes one part of an example's samples, which are judged by each other.
    """
    match effect:
        case Forward() | Evaluate():
            guide = "train" if isinstance(effect, Forward) else effect.guide
            parts = (
                [{"samples": effect.samples}]
                if together
                else [{"sample": sample} for sample in range(effect.samples)]
            )
            return [
                {
                    "candidate": effect.candidate,
                    "split": effect.split,
                    "example": example,
                    "guide": guide,
                    "audience": "people" if people is None or position < people else "rehearsal",
                    **part,
                }
                for position, example in enumerate(effect.examples)
                for part in parts
            ]
        case Backward():
            judged = [outcome.model_copy(update={"output": None}) for outcome in effect.outcomes]
            return [{"aggregate": effect.aggregate, "outcomes": [o.model_dump(mode="json") for o in judged]}]
        case Propose():
            return [{"candidate": effect.candidate, "n": effect.n}]
        case Approve():
            return [{"proposal": effect.proposal.candidate}]
        case _:
            return []


def gather(effect: Effect, items: Sequence[WorkItem]) -> Any:
    """The effect's result, from its finished items in order of index."""
    match effect:
        case Forward():
            return _outcomes(items)
        case Evaluate():
            return evaluation(effect.candidate, _outcomes(items))
        case Propose():
            return tuple(Proposal.model_validate(proposal) for proposal in items[0].result or ())
        case Approve():
            return Approval.model_validate(items[0].result)
        case _:
            return None


def _outcomes(items: Sequence[WorkItem]) -> tuple[Outcome, ...]:
    return tuple(outcome for item in items for outcome in outcomes_of(item))
