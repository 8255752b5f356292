"""A run whose steps a backend takes comes to what `LocalBackend.train` comes to on the same trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from optimization.policy.backend_loss import BackendLossTrainer, clip_range, rate_by
from optimization.policy.components import Component
from optimization.policy.config import GRPOConfig, Sampling
from optimization.policy.conversations import Conversation, Group, Turn
from optimization.policy.jobs.spec import JobFolder, TrainArguments, TrainJob, TrainSettings
from optimization.policy.jobs.training import train
from optimization.policy.jobs.work import Bench
from optimization.policy.ranks import ALONE
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import tiny

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"ppo": True, "epsilon": 0.1},
    {"advantage_balance": 0.5, "scale_rewards": False},
    {"importance_sampling_level": "sequence", "mask_prob_ratio": True},
    {"truncated_importance_sampling": 1.5, "kimi_k2_tau": 0.1},
    {"precalculate_logprobs": True, "max_negative_advantage_importance_sampling_weight": 1.1},
]


def trainer(arguments: TrainArguments, first_reward_std: float | None = None) -> BackendLossTrainer:
    prompts = {"train": [Prompt(text=({"role": "user", "content": text},)) for text in ("one", "two")]}
    config = GRPOConfig(prompts_per_step=2, group_size=4, sampling=Sampling(max_tokens=6))
    return BackendLossTrainer(
        tiny(),
        ByteTokenizer(),
        [Component("any", prompts, lambda rollouts: [None for _ in rollouts])],
        config=config,
        arguments=arguments,
        first_reward_std=first_reward_std,
        device="cpu",
    )


def conversation(rollout: Rollout, reward: float | None) -> Conversation:
    assert rollout.prompt is not None
    assert not isinstance(rollout.prompt.text, str)
    said = Turn(
        message={"role": "assistant", "content": rollout.text},
        sampled=True,
        tokens=rollout.tokens,
        log_probs=rollout.log_probs,
        finished=rollout.finished,
    )
    asked = tuple(Turn(message=message) for message in rollout.prompt.text)
    return Conversation(turns=(*asked, said), reward=reward)


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_its_step_is_the_backends(arguments: dict[str, Any], tmp_path: Path) -> None:
    checked = TrainArguments(learning_rate=1e-3, **arguments)
    mine = trainer(checked)
    # The policy moves on after it has sampled, so that no ratio is 1.
    rollouts = mine.roll_out()
    scores: list[float | None] = [1.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    theirs = tiny()
    for model in (mine.policy, theirs):
        moved = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for weight in model.parameters():
                weight += 0.02 * torch.randn(weight.shape, generator=moved)

    mine.step(mine.assemble(rollouts, scores))
    groups = tuple(
        Group(conversations=tuple(map(conversation, rollouts[start : start + 4], scores[start : start + 4])))
        for start in (0, 4)
    )
    job = TrainJob(
        base="",
        output=str(tmp_path / "made"),
        groups=groups,
        arguments=checked,
        settings=TrainSettings(micro_batch_size=64),
    )
    bench = Bench(JobFolder(tmp_path), "cpu", ALONE, lambda task, done, total: None)
    train(job, theirs, ByteTokenizer(), bench)

    for one, other in zip(mine.policy.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@given(st.floats(0.01, 10), st.floats(0.01, 10))
def test_the_learning_rate_grows_with_the_rewards_spread_when_that_is_asked_for(
    std: float, first: float
) -> None:
    plain = TrainArguments(learning_rate=1e-4)
    scaled = plain.model_copy(update={"scale_learning_rate_by_reward_std_dev": True})

    assert rate_by(plain, std, first) == 1e-4
    assert rate_by(scaled, std, first) == pytest.approx(1e-4 * std / first)
    assert rate_by(scaled, std, None) == 1e-4


def test_a_run_scales_by_its_own_first_rewards() -> None:
    made = trainer(
        TrainArguments(learning_rate=1e-3, scale_learning_rate_by_reward_std_dev=True), first_reward_std=1.0
    )

    made.assemble(made.roll_out(), [1.0, 0.0, 1.0, 0.0] * 2)

    assert {group["lr"] for group in made.learner.optimizer.param_groups} == {5e-4}


def test_ratios_may_move_as_far_as_the_loss_has_it_by_default() -> None:
    assert clip_range(TrainArguments()) == (1.0, 4.0)
    assert clip_range(TrainArguments(ppo=True)) == (0.2, 0.2)
    assert clip_range(TrainArguments(ppo=True, epsilon=0.1, epsilon_high=0.3)) == (0.1, 0.3)
