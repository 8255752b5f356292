"""ServerlessBackend: training by another Handgrad, over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from optimization.backends.backend import BackendUnavailable, TrainResult
from optimization.backends.trajectories import TrajectoryGroup

if TYPE_CHECKING:
    from optimization.backends.model import TrainableModel
    from optimization.backends.sinks import Sink

NOT_YET = (
    "ServerlessBackend has its arguments, and no training service to send them to: this version of Handgrad offers none. "
    "Train with LocalBackend, on a machine with a GPU."
)


class ServerlessBackend:
    """Sends its jobs to the training API at `base_url`."""

    def __init__(self, base_url: str | None = None, *, api_key: str | None = None) -> None:
        self.base_url, self._api_key = base_url, api_key

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
        max_negative_advantage_importance_sampling_weight: float | None = None,
        mask_prob_ratio: bool = False,
        kimi_k2_tau: float | None = None,
        precalculate_logprobs: bool = False,
    ) -> TrainResult:
        """As `LocalBackend.train`, which explains the arguments."""
        raise BackendUnavailable(NOT_YET)
