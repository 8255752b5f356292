"""`model.log` writes to a workspace's database too."""

from __future__ import annotations

import pytest

from optimization.backends import TrainableModel, TrajectoryGroup
from optimization.models import ModelLog, Workspace
from optimization.runs.policy.sink import DatabaseSink
from tests.backends.conftest import backend, base_model, model
from tests.backends.test_model import GROUPS

__all__ = ["backend", "base_model", "model"]


@pytest.mark.django_db(transaction=True)
async def test_trajectories_and_metrics_are_rows(model: TrainableModel, backend: object) -> None:
    workspace = await Workspace.objects.acreate(name="Team", slug="team")
    sink = DatabaseSink(workspace)
    model.sinks.append(sink)
    await model.register(backend)  # type: ignore[arg-type]

    await model.log(GROUPS, metrics={"loss": 0.5}, step=3)

    (line,) = await sink.logged(model)
    logged = await ModelLog.objects.exclude(groups=[]).aget()
    assert (line["step"], line["train/loss"], line["train/reward"]) == (3, 0.5, 0.5)
    assert [TrajectoryGroup.model_validate(group) for group in logged.groups] == GROUPS
    assert (logged.split, logged.model, logged.project) == ("train", "clerk", "desk")
