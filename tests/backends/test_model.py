"""A model is a specification: the backend trains it, and it logs only when it is told to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from optimization.backends import (
    FileSink,
    LocalBackend,
    ServerlessBackend,
    TinkerBackend,
    TrainableModel,
    TrainConfig,
    TrainResult,
    Trajectory,
    TrajectoryGroup,
    WandbSink,
)
from optimization.backends.backend import BackendUnavailable
from tests.backends.test_trajectories import ASKED, choice

GROUPS = [
    TrajectoryGroup([Trajectory(messages_and_choices=[ASKED, choice()], reward=reward, metrics={"turns": 2})])
    for reward in (0.0, 1.0, None)
]


class Remembering(LocalBackend):
    """Trains nothing, and keeps what it was asked."""

    async def train(self, model, groups, **arguments) -> TrainResult:  # type: ignore[no-untyped-def,override]
        self.asked = (len(groups), arguments)
        return TrainResult(step=4, metrics={"loss": 0.5})


@pytest.fixture
async def registered(model: TrainableModel, backend: LocalBackend) -> FileSink:
    await model.register(backend)
    return FileSink(backend.folder(model))


async def test_trajectories_are_logged_with_the_mean_of_what_they_were_worth(
    model: TrainableModel, registered: FileSink
) -> None:
    await model.log(GROUPS, split="val", step=3)

    (line,) = registered.logged()
    lines = (registered.folder / "trajectories" / "val" / "0003.jsonl").read_text().splitlines()
    assert line == {
        "step": 3,
        "val/reward": 0.5,
        "val/turns": 2.0,
        "val/trajectories": 3.0,
        "val/exceptions": 0.0,
    }
    assert [TrajectoryGroup.model_validate_json(each) for each in lines] == GROUPS


async def test_metrics_are_logged_alone_at_the_models_own_step(
    model: TrainableModel, registered: FileSink
) -> None:
    await model.log(metrics={"loss": 0.25})

    assert registered.logged() == [{"step": 0, "train/loss": 0.25}]


async def test_there_must_be_something_to_log(model: TrainableModel, registered: FileSink) -> None:
    with pytest.raises(ValueError, match="nothing to log"):
        await model.log()


async def test_a_model_without_a_backend_says_what_to_do(model: TrainableModel) -> None:
    with pytest.raises(ValueError, match="await model.register"):
        await model.log(metrics={"loss": 1.0})


@pytest.mark.parametrize("backend", [ServerlessBackend(), TinkerBackend()])
async def test_a_backend_that_is_not_there_yet_says_so(
    backend: ServerlessBackend | TinkerBackend, model: TrainableModel
) -> None:
    with pytest.raises(BackendUnavailable, match="Train with LocalBackend"):
        await model.register(backend)


@pytest.mark.parametrize("name", ["", "../else", ".hidden", "a b"])
def test_a_name_is_a_folder_too(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        TrainableModel(name=name, project="desk", base_model="x")


async def test_the_old_way_warns_logs_trains_and_logs(model: TrainableModel, tmp_path: Path) -> None:
    backend = Remembering(tmp_path)
    await model.register(backend)

    with pytest.warns(DeprecationWarning, match="model.train\\(\\) is deprecated"):
        result = await model.train(GROUPS, config=TrainConfig(learning_rate=1e-3), _config={"ppo": True})

    assert backend.asked == (3, {"learning_rate": 1e-3, "ppo": True})
    assert result.step == 4
    assert [sorted(line)[-1] for line in FileSink(backend.folder(model)).logged()] == [
        "train/turns",
        "train/loss",
    ]


async def test_weights_and_biases_gets_the_metrics_where_it_is_installed(
    model: TrainableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb.py").write_text(
        "logged = []\n"
        "class Run:\n"
        "    def log(self, metrics): logged.append(metrics)\n"
        "def init(**how):\n"
        "    logged.append(how)\n"
        "    return Run()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("WANDB_API_KEY", "k")
    backend = LocalBackend(tmp_path / "models")
    await model.register(backend)

    await model.log(GROUPS, metrics={"loss": 0.5}, step=2)

    begun, logged = sys.modules.pop("wandb").logged
    assert begun == {"project": "desk", "name": "clerk", "id": "clerk", "resume": "allow"}
    assert (logged["training_step"], logged["train/loss"], logged["train/reward"]) == (2, 0.5, 0.5)


async def test_without_its_package_weights_and_biases_says_what_to_install(model: TrainableModel) -> None:
    assert not WandbSink.available()
    with pytest.raises(BackendUnavailable, match="pip install wandb"):
        await WandbSink().log_metrics(model, {"train/loss": 1.0}, step=1)


async def test_a_sink_of_ones_own_is_told_too(
    model: TrainableModel, registered: FileSink, tmp_path: Path
) -> None:
    model.sinks.append(FileSink(tmp_path / "mine"))

    await model.log(metrics={"loss": 0.25}, step=9)

    assert json.loads((tmp_path / "mine" / "history.jsonl").read_text()) == {"step": 9, "train/loss": 0.25}
