"""LocalBackend trains for real, in a child process, and keeps what it should."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from optimization.backends import LocalBackend, TrainableModel, Trajectory, TrajectoryGroup
from optimization.policy.jobs import JobFailed
from tests.backends.test_model import GROUPS


def rewarded(groups: Iterable[TrajectoryGroup], rewards: list[float | None]) -> list[TrajectoryGroup]:
    found = list(groups)
    for group in found:
        for trajectory, reward in zip(group, rewards, strict=True):
            trajectory.reward = reward
    return found


async def rolled(backend: LocalBackend, model: TrainableModel, **options: Any) -> list[TrajectoryGroup]:
    await model.register(backend)
    return await backend.roll_out(model, ["a", "bc"], copies=2, max_tokens=4, seed=1, **options)


async def test_rollouts_are_choices_with_their_tokens(backend: LocalBackend, model: TrainableModel) -> None:
    groups = await rolled(backend, model)
    ((message, choice), _) = (each.messages_and_choices for each in groups[0])

    assert [len(group) for group in groups] == [2, 2]
    assert message == {"role": "user", "content": "a"}
    assert all(item.token.startswith("token_id:") for item in choice.logprobs.content)


async def test_a_call_advances_the_step_keeps_the_best_and_the_latest_and_draws_its_tensors(
    backend: LocalBackend, model: TrainableModel
) -> None:
    groups = await rolled(backend, model)
    told: list[str] = []
    backend.on_progress = lambda progress: told.append(progress.task)

    first = await backend.train(model, rewarded(groups, [0.0, 1.0]), learning_rate=1e-3, plot_tensors=True)
    for split_reward in (0.9, 0.1):
        await model.log(metrics={"reward": split_reward}, split="val")
        last = await backend.train(model, rewarded(groups, [1.0, 0.0]), learning_rate=1e-3)

    folder = backend.folder(model)
    assert (first.step, last.step, await model.get_step()) == (1, 3, 3)
    assert first.metrics["groups_trainable"] == 2
    assert first.metrics["gradient_norm"] > 0
    assert {"training", "checkpoint"} <= set(told)
    assert (folder / "tensors-0001.html").read_text().startswith("<!doctype html>")
    assert Path(last.checkpoint_path or "").name == "0003"
    # Step 1 had the better held-out reward, step 3 is the latest.
    assert sorted(each.name for each in (folder / "checkpoints").iterdir()) == ["0001", "0003"]


async def test_a_call_with_nothing_to_learn_from_advances_the_step_and_says_so(
    backend: LocalBackend, model: TrainableModel, caplog: pytest.LogCaptureFixture
) -> None:
    groups = rewarded(await rolled(backend, model), [1.0, 1.0])

    result = await backend.train(model, groups)

    assert (result.step, result.checkpoint_path) == (1, None)
    assert (result.metrics["groups_trainable"], result.metrics["groups_zero_variance"]) == (0, 2)
    assert "nothing to learn from" in caplog.text


async def test_why_there_was_nothing_to_learn_from_is_said_for_each_reason(
    backend: LocalBackend, model: TrainableModel, caplog: pytest.LogCaptureFixture
) -> None:
    alike, _ = rewarded(await rolled(backend, model), [1.0, None])
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    written = TrajectoryGroup(Trajectory(messages_and_choices=said, reward=reward) for reward in (0.0, 1.0))

    await backend.train(model, [alike, written])

    assert "groups in which all rewards are equal: 1" in caplog.text
    assert "trajectories without a reward: 1" in caplog.text
    assert "trajectories without a choice that has log-probabilities" in caplog.text
    assert "allow_training_without_logprobs): 2" in caplog.text


async def test_without_a_checkpoint_the_next_call_goes_on_from_the_weights_all_the_same(
    backend: LocalBackend, model: TrainableModel
) -> None:
    groups = rewarded(await rolled(backend, model), [1.0, 0.0])

    first = await backend.train(model, groups, save_checkpoint=False)
    working = backend.checkpoint(model)
    second = await backend.train(model, groups)

    assert first.checkpoint_path is None
    assert working is not None
    assert working.parent.name == "working"
    assert second.checkpoint_path is not None


async def test_nobodys_word_is_no_reward(backend: LocalBackend, model: TrainableModel) -> None:
    result = await backend.train(model, rewarded(await rolled(backend, model), [1.0, None]))

    assert (result.metrics["trajectories_unscored"], result.metrics["groups_trainable"]) == (2, 0)


async def test_a_reward_that_is_no_number_trains_nothing(
    backend: LocalBackend, model: TrainableModel
) -> None:
    groups = rewarded(await rolled(backend, model), [1.0, float("nan")])

    with pytest.raises(JobFailed, match="reward is no number; nothing was trained"):
        await backend.train(model, groups)
    assert await model.get_step() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"learning_rate": -1.0}, "learning_rate: .* not -1.0"),
        ({"advantage_balance": 2.0}, "advantage_balance"),
    ],
)
async def test_an_argument_out_of_range_is_refused_before_anything_runs(
    backend: LocalBackend, model: TrainableModel, arguments: dict[str, Any], said: str
) -> None:
    await model.register(backend)

    with pytest.raises(ValueError, match=said):
        await backend.train(model, GROUPS, **arguments)


async def test_no_groups_are_refused(backend: LocalBackend, model: TrainableModel) -> None:
    await model.register(backend)

    with pytest.raises(ValueError, match="There are no trajectories"):
        await backend.train(model, [])


async def test_a_model_keeps_the_base_that_it_began_as(backend: LocalBackend, model: TrainableModel) -> None:
    await model.register(backend)

    with pytest.raises(ValueError, match="Give the new one another name"):
        await TrainableModel("clerk", "desk", "another").register(backend)


async def test_a_backbone_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path, device="cpu")
    model = TrainableModel("clerk", "desk", str(tmp_path / "nothing"))
    await model.register(backend)

    with pytest.raises(JobFailed, match="cannot be loaded"):
        await backend.roll_out(model, ["a"])
