"""The policy's rehearsal is a run that can be launched, and it passes only if the reward rose."""

from __future__ import annotations

import pytest

from optimization.runs.policy.config import PolicyRunConfig
from optimization.trainers.policies import POLICY_TRAINERS
from workers.rehearsal.play import Played
from workers.rehearsal.policy import STEPS, policy_run, policy_verdict


def played(*rewards: float) -> Played:
    curve = [{"position": place * 6, "mean": reward} for place, reward in enumerate(rewards)]
    return Played({"curve": curve}, [], 1.0)


def test_what_is_launched_is_a_policys_run() -> None:
    config = PolicyRunConfig.model_validate(policy_run(STEPS))
    trainer = POLICY_TRAINERS[config.trainer.name]()
    trainer.prepare([{"train": 400, "test": 80}], seed=config.seed, **config.trainer.args)

    assert config.iterations == STEPS
    assert trainer.config["group_size"] == 8


@pytest.mark.parametrize(
    ("rewards", "said"),
    [
        ((0.2, 0.3, 0.5), ""),
        ((0.2, 0.6, 0.3), "did not rise"),
        ((0.2,), "no rewards"),
        ((0.4, 0.4), "did not rise"),
    ],
)
def test_it_passes_only_if_the_reward_on_unseen_tickets_rose(rewards: tuple[float, ...], said: str) -> None:
    verdict = policy_verdict(played(*rewards))

    assert bool(verdict) is bool(said)
    assert said in verdict
