"""The advantages that a group's page shows are those that its step was taken with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from optimization.models import Workspace
from optimization.policy.objectives import balance_advantages, group_advantages
from optimization.runs.policy.advantages import Rule
from optimization.runs.policy.selectors import iteration_groups
from tests.policy_runs.rows import make_policy_run

SIZE, LONGEST = 3, 5
reward = st.none() | st.integers(-4, 4).map(float)
batches = st.lists(
    st.lists(st.tuples(reward, st.integers(1, LONGEST)), min_size=SIZE, max_size=SIZE), min_size=1, max_size=4
)


@given(batches, st.booleans(), st.none() | st.sampled_from([-1.0, -0.25, 0.0, 0.5, 1.0]))
def test_they_are_those_of_the_objectives(
    batch: list[list[tuple[float | None, int]]], scale: bool, balance: float | None
) -> None:
    rows = [row for group in batch for row in group]
    scored = torch.tensor([reward is not None for reward, _ in rows])
    rewards = torch.tensor([reward or 0.0 for reward, _ in rows], dtype=torch.float64)
    lengths = torch.tensor([length for _, length in rows])
    mask = (torch.arange(LONGEST) < lengths[:, None]) & scored[:, None]
    expected = group_advantages(rewards, SIZE, scale=scale, present=scored)[:, None] * mask
    if balance is not None:
        varied = expected.abs().amax(1).view(-1, SIZE).amax(1) > 0
        weights = (mask & varied.repeat_interleave(SIZE)[:, None]).double()
        expected = balance_advantages(expected, weights, balance)

    groups = Rule(scale, balance).advantages(
        [[reward for reward, _ in group] for group in batch],
        [[length for _, length in group] for group in batch],
    )

    found = [value for group in groups for value in group]
    assert [value is None for value in found] == [reward is None for reward, _ in rows]
    shown = torch.tensor([value or 0.0 for value in found], dtype=torch.float64)
    torch.testing.assert_close(shown, expected[:, 0])


@pytest.mark.parametrize(
    ("changes", "advantages"),
    [
        ({}, [1.0, -1.0, 1.0, -1.0]),
        ({"trainer": {"name": "GRPOTrainer", "args": {"scale_rewards": False}}}, [0.5, -0.5, 0.5, -0.5]),
        (
            {"backend": {"name": "LocalBackend", "args": {"advantage_balance": 0.5}}},
            [4 / 3, -2 / 3, 4 / 3, -2 / 3],
        ),
        ({"trainer": {"name": "PPOTrainer", "args": {}}}, [None] * 4),
    ],
    ids=["scaled", "not scaled", "balanced", "against no group"],
)
def test_a_runs_settings_say_how(
    team: Workspace, operator: User, changes: dict[str, Any], advantages: list[float | None]
) -> None:
    run = make_policy_run(team, operator, steps=1)
    run.config |= changes
    varied, alike = iteration_groups(run, 0)
    assert [sample.advantage for sample in varied.samples] == pytest.approx(advantages, nan_ok=True)
    assert {sample.advantage for sample in alike.samples} == ({None} if None in advantages else {0.0})
