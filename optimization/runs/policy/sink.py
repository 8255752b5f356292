"""Where `TrainableModel.log` writes in a workspace: the database, beside the backend's files."""

from __future__ import annotations

from typing import Any

from optimization.backends import TrainableModel, TrajectoryGroup
from optimization.models import ModelLog, Workspace


class DatabaseSink:
    """`model.sinks.append(DatabaseSink(workspace))`: a row a log."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def log_trajectories(
        self, model: TrainableModel, groups: list[TrajectoryGroup], *, split: str, step: int
    ) -> None:
        stored = [group.model_dump(mode="json") for group in groups]
        await self._create(model, step, split=split, groups=stored)

    async def log_metrics(self, model: TrainableModel, metrics: dict[str, float], *, step: int) -> None:
        await self._create(model, step, metrics=metrics)

    async def logged(self, model: TrainableModel) -> list[dict[str, Any]]:
        """The metrics that were logged of the model, in order, as FileSink gives them."""
        rows = ModelLog.objects.filter(
            workspace=self.workspace, project=model.project, model=model.name
        ).exclude(metrics={})
        return [{"step": row.step, **row.metrics} async for row in rows.order_by("pk")]

    async def _create(self, model: TrainableModel, step: int, **fields: Any) -> None:
        await ModelLog.objects.acreate(
            workspace=self.workspace, project=model.project, model=model.name, step=step, **fields
        )
