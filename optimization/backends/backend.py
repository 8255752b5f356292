"""What every backend has in common, for code that does not care which one it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from optimization.backends.trajectories import TrajectoryGroup

if TYPE_CHECKING:
    from optimization.backends.model import TrainableModel
    from optimization.backends.sinks import Sink


@dataclass(frozen=True)
class TrainResult:
    """What a call of `train` came to.

    A call with nothing to learn from advances the step all the same; its `metrics["groups_trainable"]` is 0.
    `checkpoint_path` is a local backend's, `artifact_name` a remote one's, `deployed` says whether the checkpoint serves.
    """

    step: int
    metrics: dict[str, float]
    checkpoint_path: str | None = None
    artifact_name: str | None = None
    deployed: bool = False


class BackendUnavailable(Exception):
    """A backend cannot do what it was asked: in words why, and what to do instead."""


class TrainableBackend(Protocol):
    """A backend, as far as all are alike. Each one's own `train` takes more."""

    async def register(self, model: TrainableModel) -> None:
        """Take the model on; afterwards it may be trained."""

    async def get_step(self, model: TrainableModel) -> int:
        """How many calls of `train` the model has seen."""

    def sinks(self, model: TrainableModel) -> list[Sink]:
        """Where `model.log` writes."""

    async def train(
        self,
        model: TrainableModel,
        trajectory_groups: Iterable[TrajectoryGroup],
        *,
        learning_rate: float = 5e-6,
        ppo: bool = False,
        epsilon: float | None = None,
        epsilon_high: float | None = None,
        advantage_balance: float = 0.0,
        scale_rewards: bool = True,
        importance_sampling_level: Literal["token", "sequence", "average", "geometric_average"] = "token",
    ) -> TrainResult:
        """Train the model on the groups. It logs nothing: `model.log` does."""
