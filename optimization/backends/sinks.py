"""Where `model.log` writes: files, Weights & Biases, or whatever has these two methods."""

from __future__ import annotations

import json
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from optimization.backends.backend import BackendUnavailable
from optimization.backends.trajectories import TrajectoryGroup

if TYPE_CHECKING:
    from optimization.backends.model import TrainableModel


class Sink(Protocol):
    """Takes what a model logs. `metrics` are named with their split: "train/loss", "val/reward"."""

    async def log_trajectories(
        self, model: TrainableModel, groups: list[TrajectoryGroup], *, split: str, step: int
    ) -> None: ...

    async def log_metrics(self, model: TrainableModel, metrics: dict[str, float], *, step: int) -> None: ...


class FileSink:
    """JSON lines in a folder: `trajectories/<split>/<step>.jsonl`, a group a line, and `history.jsonl`, a log a line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.history = folder / "history.jsonl"

    async def log_trajectories(
        self, model: TrainableModel, groups: list[TrajectoryGroup], *, split: str, step: int
    ) -> None:
        file = self.folder / "trajectories" / split / f"{step:04d}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as lines:
            lines.writelines(group.model_dump_json() + "\n" for group in groups)

    async def log_metrics(self, model: TrainableModel, metrics: dict[str, float], *, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.history.open("a") as lines:
            lines.write(json.dumps({"step": step, **metrics}) + "\n")

    def logged(self) -> list[dict[str, Any]]:
        """What was logged, in order."""
        if not self.history.exists():
            return []
        return [json.loads(line) for line in self.history.read_text().splitlines()]


class WandbSink:
    """Weights & Biases, one run a model. Its package and a WANDB_API_KEY are the caller's."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Any] = {}

    @staticmethod
    def available() -> bool:
        """Is the package installed and a key set?"""
        return bool(os.environ.get("WANDB_API_KEY")) and find_spec("wandb") is not None

    async def log_trajectories(
        self, model: TrainableModel, groups: list[TrajectoryGroup], *, split: str, step: int
    ) -> None:
        """Conversations stay here: they may hold what must not leave the machine."""

    async def log_metrics(self, model: TrainableModel, metrics: dict[str, float], *, step: int) -> None:
        self._run(model).log({"training_step": step, **metrics})

    def _run(self, model: TrainableModel) -> Any:
        key = (model.project, model.name)
        if key not in self._runs:
            try:
                wandb: Any = import_module("wandb")
            except ImportError:
                raise BackendUnavailable(
                    "Logging to Weights & Biases needs the package wandb. Install it with: pip install wandb"
                ) from None
            self._runs[key] = wandb.init(
                project=model.project, name=model.name, id=model.name, resume="allow"
            )
        return self._runs[key]
