"""What happens during `train`, told to whoever wants to know: progress bars, logs, a notebook's own plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened; the comment says what the event's `data` holds."""

    TRAIN_BEGUN = "train_begun"  # state
    ITERATION_BEGUN = "iteration_begun"  # state
    EFFECT_BEGUN = "effect_begun"  # effect, examples (how many outputs it makes)
    EXAMPLE_DONE = "example_done"  # effect, outcome
    EFFECT_DONE = "effect_done"  # effect, result
    ITERATION_DONE = "iteration_done"  # state
    AGENT_SAVED = "agent_saved"  # path
    TRAIN_DONE = "train_done"  # state, reason


@dataclass(frozen=True)
class Event:
    """`data` holds what the comment beside the kind says."""

    kind: EventKind
    iteration: int
    data: dict[str, Any] = field(default_factory=dict)


Callback = Callable[[Event], None]
