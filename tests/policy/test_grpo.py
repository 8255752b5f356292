"""GRPOTrainer: rollouts of one prompt against each other."""

from __future__ import annotations

import pytest
import torch

from optimization.policy.config import PPOConfig
from optimization.policy.grpo import GRPOTrainer
from optimization.policy.rollouts import Rollout
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import component, grpo, rollout, tiny


def group(*starts: int, prompt: tuple[int, ...] = (7, 8)) -> list[Rollout]:
    return [rollout((start, start + 1), prompt=prompt) for start in starts]


def test_a_group_is_consecutive_rollouts_of_one_prompt_four_by_default() -> None:
    rollouts = grpo().roll_out()

    assert len(rollouts) == 12
    for start in range(0, 12, 4):
        assert len({each.prompt_tokens for each in rollouts[start : start + 4]}) == 1


def test_an_advantage_is_the_reward_against_the_groups_mean_in_its_deviations() -> None:
    trainer = grpo(group_size=2)

    batch = trainer.assemble(group(1, 2) + group(3, 4, prompt=(9,)), [1.0, 0.0, 5.0, 2.0])

    torch.testing.assert_close(batch.advantages, torch.tensor([[1.0, 1], [-1, -1], [1, 1], [-1, -1]]))


def test_rewards_need_not_be_scaled() -> None:
    batch = grpo(group_size=2, scale_rewards=False).assemble(group(1, 2), [1.0, 0.0])

    assert batch.advantages.tolist() == [[0.5, 0.5], [-0.5, -0.5]]


def test_rollouts_that_do_not_divide_into_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rollouts do not divide into groups of 2"):
        grpo(group_size=2).assemble(group(1, 2, 3), [1.0, 0.0, 1.0])


def test_a_group_of_different_prompts_is_refused() -> None:
    with pytest.raises(ValueError, match="Rollouts 0 to 1 are of different prompts"):
        grpo(group_size=2).assemble(group(1) + group(2, prompt=(9,)), [1.0, 0.0])


def test_groups_without_variance_are_reported_and_cost_no_pass() -> None:
    """Left in, they would be passed through the policy and the reference for a gradient of nothing but the penalty."""
    trainer = grpo(group_size=2, beta=0.5, micro_batch_size=1)
    passes: list[str] = []
    trainer.learner.between = lambda task, done, total: passes.append(task)
    rows = group(1, 2) + group(3, 4, prompt=(9,)) + group(5, 6, prompt=(10,))

    batch = trainer.assemble(rows, [0.1, 0.1, 1.0, 0.0, 0.0, 0.0])
    metrics = trainer.measure(batch) | trainer.step(batch)

    assert (metrics["groups"], metrics["groups/zero_variance"], metrics["rollouts_trained"]) == (3, 2, 2)
    assert passes.count("training") == 2
    assert passes.count("reference's log-probabilities") == 2


def test_when_no_group_varies_the_step_counts_and_says_so() -> None:
    trainer = grpo(group_size=2)
    before = [weight.clone() for weight in trainer.policy.parameters()]

    metrics = trainer.step(trainer.assemble(group(1, 2), [1.0, 1.0]))

    assert (trainer.steps, metrics["rollouts_trained"]) == (1, 0)
    assert all(map(torch.equal, before, trainer.policy.parameters()))


def test_a_rollout_without_a_score_stays_out_of_its_groups_mean() -> None:
    """As a 0 it would lower the mean, and the others would seem better than they are."""
    batch = grpo(group_size=3).assemble(group(1, 2, 3), [1.0, None, 3.0])

    torch.testing.assert_close(batch.advantages[:, 0], torch.tensor([-1.0, 0.0, 1.0]))
    assert batch.mask[1].eq(False).all()


def test_a_single_score_of_a_group_teaches_nothing_yet() -> None:
    trainer = grpo(group_size=2)

    metrics = trainer.step(trainer.assemble(group(1, 2), [1.0, None]))

    assert metrics["rollouts_trained"] == 0


def test_the_policy_learns() -> None:
    trainer = grpo(components=[component()], learning_rate=1e-2, group_size=8, prompts_per_step=4)

    history = trainer.train(25)

    assert history[-1]["reward"] > history[0]["reward"] + 0.4


def test_the_settings_of_another_trainer_are_refused_by_name() -> None:
    """With a PPOConfig a group is one rollout, and nothing is ever learned."""
    with pytest.raises(TypeError, match="GRPOTrainer takes a GRPOConfig, not a PPOConfig"):
        GRPOTrainer(tiny(), ByteTokenizer(), [component()], PPOConfig(), device="cpu")
