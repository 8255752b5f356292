"""What an algorithm asks its driver to do, and what it gets back.

An effect is plain, frozen data: a driver may carry it out at once, or journal it and resume days later.
Examples are named by their index within a split. A candidate is a full set of parameter values, known by id.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Split = Literal["train", "validate", "test"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Outcome(Frozen):
    """What became of one example: its output, score (0..1), feedback payload and tape, or its error."""

    example: int
    sample: int = 0
    output: Any = None
    score: float | None = None
    feedback: list[list[str]] = []
    tape: str | None = None
    error: str | None = None


class Proposal(Frozen):
    """A candidate that the optimizer wrote; `changed` names the parameters whose value differs."""

    candidate: str
    changed: tuple[str, ...] = ()


class Evaluation(Frozen):
    """A candidate's scores on examples; `mean` and `stderr` are over those that have a score."""

    candidate: str
    outcomes: tuple[Outcome, ...] = ()
    mean: float | None = None
    stderr: float | None = None


class Approval(Frozen):
    """A person's word on a proposal; an edit names the candidate that the edit made."""

    decision: Literal["approved", "edited", "rejected"]
    candidate: str


class Committed(Frozen):
    candidate: str
    revision: int = 0


class Effect(Frozen):
    """Base of all effects."""

    kind: str

    def digest(self) -> str:
        """SHA-256 of the kind and the canonical arguments, compared on replay."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Forward(Effect):
    """Run the candidate on examples with recording, and judge the outputs -> tuple[Outcome, ...]."""

    kind: Literal["forward"] = "forward"
    candidate: str
    examples: tuple[int, ...]
    split: Split = "train"
    samples: int = 1


class Backward(Effect):
    """Carry the outcomes' feedback back to the parameters -> None. `aggregate` makes one feedback of the batch."""

    kind: Literal["backward"] = "backward"
    outcomes: tuple[Outcome, ...]
    aggregate: bool = False


class Propose(Effect):
    """The optimizer's step, written as n candidates and not applied -> tuple[Proposal, ...]."""

    kind: Literal["propose"] = "propose"
    candidate: str
    n: int = 1


class Evaluate(Effect):
    """Score a candidate without recording -> Evaluation. `guide` names which judge scores it."""

    kind: Literal["evaluate"] = "evaluate"
    candidate: str
    examples: tuple[int, ...]
    split: Split = "test"
    samples: int = 1
    guide: Split = "test"


class Approve(Effect):
    """Ask a person to approve, edit or reject a proposal -> Approval."""

    kind: Literal["approve"] = "approve"
    proposal: Proposal


class Merge(Effect):
    """A candidate that is `candidate` with some parameters taken from others, (name, candidate) -> Proposal."""

    kind: Literal["merge"] = "merge"
    candidate: str
    take: tuple[tuple[str, str], ...]


class Commit(Effect):
    """Make a candidate the current one -> Committed."""

    kind: Literal["commit"] = "commit"
    candidate: str


class TrainerState(Frozen):
    """Where an algorithm stands between iterations: plain data, stored with the run.

    The order of examples in an epoch is a shuffle seeded by (seed, epoch); `cursor` counts the examples of the
    epoch already used. `score` is the mean of the last training batch, `test_score` of the last test. `memory` is the
    algorithm's own, JSON data.
    """

    seed: int = 0
    iteration: int = 0
    epoch: int = 0
    cursor: int = 0
    candidate: str = "initial"
    score: float | None = None
    test_score: float | None = None
    memory: dict[str, Any] = {}
