"""What a policy's algorithm asks its driver to do. A batch of rollouts stays with the driver, and is known by its name."""

from __future__ import annotations

from typing import Literal

from optimization.trainers.effects import Effect, Frozen, Split


class RolledOut(Frozen):
    """A batch by name, and after how many steps the weights that sampled it stood."""

    batch: str
    step: int
    rollouts: int = 0


class Rewarded(Frozen):
    """What a batch was worth on average; None if nobody has scored any of it."""

    batch: str
    mean: float | None = None
    scored: int = 0


class Trained(Frozen):
    """The checkpoint that a step led to; the one that it began with where there was nothing to learn from."""

    checkpoint: str
    trained: bool = True


class Measured(Frozen):
    """A checkpoint's mean reward on a batch that it sampled, with its standard error, overall and by component."""

    checkpoint: str
    mean: float | None = None
    stderr: float | None = None
    count: int = 0
    components: dict[str, float] = {}


class PolicyEffect(Effect):
    """Base of all that a policy's algorithm asks."""


class Rollout(PolicyEffect):
    """Sample `copies` completions of every prompt, (component, example), by a checkpoint's weights -> RolledOut."""

    kind: Literal["rollout"] = "rollout"
    checkpoint: str
    step: int
    prompts: tuple[tuple[int, int], ...]
    split: Split = "train"
    copies: int = 1
    temperature: float | None = None
    seed: int = 0


class Reward(PolicyEffect):
    """Have every rollout of a batch scored by its component -> Rewarded."""

    kind: Literal["reward"] = "reward"
    batch: str


class Train(PolicyEffect):
    """One step on a scored batch -> Trained. `staleness`: steps since the weights that sampled it."""

    kind: Literal["train"] = "train"
    checkpoint: str
    batch: str
    step: int
    staleness: int = 0


class EvaluatePolicy(PolicyEffect):
    """What a checkpoint is worth, from a scored batch that it sampled -> Measured."""

    kind: Literal["evaluate_policy"] = "evaluate_policy"
    checkpoint: str
    batch: str
