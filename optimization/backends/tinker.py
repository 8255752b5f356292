"""TinkerBackend: training through the `tinker` SDK."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from optimization.backends.backend import BackendUnavailable, TrainResult
from optimization.backends.trajectories import TrajectoryGroup

if TYPE_CHECKING:
    from optimization.backends.model import TrainableModel
    from optimization.backends.sinks import Sink

NOT_YET = "TinkerBackend has its arguments, and this version of Handgrad does not speak to Tinker yet. Train with LocalBackend."


class TinkerBackend:
    """Trains and keeps checkpoints at Tinker."""

    async def register(self, model: TrainableModel) -> None:
        raise BackendUnavailable(NOT_YET)

    async def get_step(self, model: TrainableModel) -> int:
        raise BackendUnavailable(NOT_YET)

    def sinks(self, model: TrainableModel) -> list[Sink]:
        return []

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
        save_checkpoint: bool = True,
        deploy_checkpoint: bool = False,
        train_mlp: bool = True,
        train_attn: bool = True,
        train_unembed: bool = False,
        verbose: bool = False,
    ) -> TrainResult:
        """As `LocalBackend.train`, which explains the first arguments.

        - save_checkpoint: keep the weights at Tinker; without it, iterations are faster. deploy_checkpoint: serve them.
        - train_mlp, train_attn, train_unembed: which layers are trained.
        """
        raise BackendUnavailable(NOT_YET)
