"""TrainableModel: a specification, by name. The backend that it is registered with trains it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from optimization.backends.backend import TrainableBackend, TrainResult
from optimization.backends.trajectories import TrajectoryGroup

if TYPE_CHECKING:
    from optimization.backends.sinks import Sink

# Names are folders and artefacts too.
NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class TrainConfig:
    """What `model.train` took before backends had arguments of their own."""

    learning_rate: float = 5e-6


@dataclass
class TrainableModel:
    """A model to be trained: its name, its project, and the model it starts as (a folder or a name on the hub).

    `sinks` take what is logged, beside the backend's own.
    """

    name: str
    project: str
    base_model: str
    config: dict[str, Any] | None = None
    sinks: list[Sink] = field(default_factory=list)
    _backend: TrainableBackend | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for what, value in (("name", self.name), ("project", self.project)):
            if not NAME.fullmatch(value):
                raise ValueError(
                    f"A model's {what} is made of letters, digits, '_', '-' and '.', and begins with none of the last "
                    f"two: {value!r} does not."
                )

    @property
    def backend(self) -> TrainableBackend:
        if self._backend is None:
            raise ValueError(
                f"The model {self.name!r} has no backend yet: await model.register(backend) first."
            )
        return self._backend

    async def register(self, backend: TrainableBackend) -> None:
        """Have the backend take this model on."""
        await backend.register(self)
        self._backend = backend

    async def get_step(self) -> int:
        """How many calls of `train` the model has seen."""
        return await self.backend.get_step(self)

    async def log(
        self,
        trajectory_groups: Iterable[TrajectoryGroup] | None = None,
        *,
        split: str = "train",
        metrics: dict[str, float] | None = None,
        step: int | None = None,
    ) -> None:
        """Log trajectories, with the means of what they were worth, or metrics, or both, at a step: by default the
        model's own.
        """
        groups = None if trajectory_groups is None else list(trajectory_groups)
        if groups is None and metrics is None:
            raise ValueError("There is nothing to log: give trajectory groups, metrics, or both.")
        at = await self.get_step() if step is None else step
        found = (_means(groups) if groups else {}) | (metrics or {})
        for sink in [*self.backend.sinks(self), *self.sinks]:
            if groups:
                await sink.log_trajectories(self, groups, split=split, step=at)
            if found:
                await sink.log_metrics(
                    self, {f"{split}/{name}": value for name, value in found.items()}, step=at
                )

    async def train(
        self,
        trajectory_groups: Iterable[TrajectoryGroup],
        config: TrainConfig | None = None,
        _config: dict[str, Any] | None = None,
        verbose: bool = False,
    ) -> TrainResult:
        """Deprecated: `backend.train(model, groups, ...)` and `model.log(...)`, which this does one after the other."""
        warnings.warn(
            "model.train() is deprecated. Use backend.train(model, ...) instead, which logs nothing: model.log() does.",
            DeprecationWarning,
            stacklevel=2,
        )
        groups = list(trajectory_groups)
        arguments: dict[str, Any] = {"learning_rate": (config or TrainConfig()).learning_rate}
        arguments |= _config or {}
        if verbose:
            arguments["verbose"] = True
        await self.log(groups)
        result = await self.backend.train(self, groups, **arguments)
        await self.log(metrics=result.metrics, step=result.step)
        return result


def _means(groups: list[TrajectoryGroup]) -> dict[str, float]:
    """Mean reward, a genuine 0 among them, mean of each metric, and how many raised instead of ending."""
    trajectories = [trajectory for group in groups for trajectory in group]
    rewards = [each.reward for each in trajectories if each.reward is not None]
    found: dict[str, list[float]] = {"reward": rewards} if rewards else {}
    for trajectory in trajectories:
        for name, value in trajectory.metrics.items():
            found.setdefault(name, []).append(float(value))
    failed = sum(len(group.exceptions) for group in groups)
    means = {name: fmean(values) for name, values in found.items()}
    return means | {"trajectories": float(len(trajectories)), "exceptions": float(failed)}
