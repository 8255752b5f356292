"""Every objective agrees with its formula, written a second time in numpy, to 1e-9 in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from optimization.policy import objectives
from tests.policy import references

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-9}
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


class Drawn:
    """Random log-probabilities, advantages, weights and a mask of one shape, as arrays."""

    def __init__(self, seed: int, rows: int | None = None) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = (rows or int(self.random.integers(1, 5)), int(self.random.integers(1, 8)))
        self.new, self.old, self.ref, self.original = (self.log_probs() for _ in range(4))
        self.advantages = self.random.normal(size=self.shape)
        self.weights = self.random.uniform(0.1, 2, size=self.shape)
        self.mask = self.random.random(self.shape) < 0.7

    def log_probs(self) -> Any:
        return -self.random.exponential(1.0, size=self.shape)


def tensors(*arrays: Any) -> list[Tensor]:
    return [torch.from_numpy(np.array(array)) for array in arrays]


def close(actual: Tensor, expected: Any) -> None:
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=torch.float64), **EXACT)


@few
@given(seeds)
def test_masked_mean(seed: int) -> None:
    drawn = Drawn(seed)

    close(
        objectives.masked_mean(*tensors(drawn.new, drawn.mask)), references.masked_mean(drawn.new, drawn.mask)
    )


def test_the_mean_of_an_empty_mask_is_0_and_so_is_its_gradient() -> None:
    x = torch.full((2, 3), torch.nan, requires_grad=True)

    mean = objectives.masked_mean(x, torch.zeros(2, 3))
    mean.backward()  # type: ignore[no-untyped-call]

    assert mean == 0
    assert x.grad is not None
    assert x.grad.eq(0).all()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.float64])
def test_a_mask_may_have_any_dtype(dtype: torch.dtype) -> None:
    mask = torch.tensor([[1, 0, 1]]).to(dtype)

    assert objectives.masked_mean(torch.tensor([[1.0, 100.0, 3.0]]), mask) == 2


@few
@given(seeds, st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([None, 0.28, 3.0]))
def test_clipped_surrogate(seed: int, epsilon: float, epsilon_high: float | None) -> None:
    drawn = Drawn(seed)
    arrays = (drawn.new, drawn.old, drawn.advantages, drawn.mask)

    loss = objectives.clipped_surrogate(*tensors(*arrays), epsilon=epsilon, epsilon_high=epsilon_high)

    close(loss, references.clipped_surrogate(*arrays, epsilon, epsilon_high))


@few
@given(seeds)
def test_kl_k3_and_the_ppo_loss_that_adds_it(seed: int) -> None:
    drawn = Drawn(seed)
    arrays = (drawn.new, drawn.old, drawn.advantages, drawn.mask)
    (ref,) = tensors(drawn.ref)
    kl = references.kl_k3(drawn.new, drawn.ref)

    loss = objectives.ppo_loss(*tensors(*arrays), ref=ref, beta=0.3)

    close(objectives.kl_k3(*tensors(drawn.new, drawn.ref)), kl)
    close(
        loss,
        references.clipped_surrogate(*arrays, 0.2, None) + 0.3 * references.masked_mean(kl, drawn.mask),
    )


@few
@given(seeds, st.sampled_from([1.0, 0.9, 0.5, 0.0]))
def test_reward_to_go(seed: int, discount: float) -> None:
    drawn = Drawn(seed)
    rewards = drawn.random.normal(size=drawn.shape[0])

    spread = objectives.reward_to_go(*tensors(rewards, drawn.mask), discount)

    close(spread, references.reward_to_go(rewards, drawn.mask, discount))


def test_whole_numbers_as_rewards_are_discounted_all_the_same() -> None:
    found = objectives.reward_to_go(torch.tensor([4]), torch.ones(1, 3), 0.5)
    assert found.tolist() == [[1.0, 2.0, 4.0]]


def test_reward_to_go_counts_actions_and_not_positions() -> None:
    mask = torch.tensor([[0, 1, 0, 1, 1]])

    spread = objectives.reward_to_go(torch.tensor([8.0]), mask, discount=0.5)

    assert spread.tolist() == [[0, 2, 0, 4, 8]]


@few
@given(seeds, st.integers(1, 6), st.booleans(), st.sampled_from([1e-8, 1e-4]))
def test_group_advantages(seed: int, size: int, scale: bool, eps: float) -> None:
    rewards = np.random.default_rng(seed).choice([0.0, 0.1, 0.5, 1.0], size=3 * size)

    advantages = objectives.group_advantages(*tensors(rewards), size, scale=scale, eps=eps)

    close(advantages, references.group_advantages(rewards, size, scale, eps))


@pytest.mark.parametrize("scale", [True, False])
def test_a_constant_group_has_advantages_of_exactly_0(scale: bool) -> None:
    """The mean of three times 0.1 is not 0.1, and 1e-17 / 1e-8 is no zero."""
    advantages = objectives.group_advantages(torch.full((6,), 0.1), 3, scale=scale)

    assert advantages.eq(0).all()


def test_groups_that_do_not_divide_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="7 rewards do not divide into groups of 4"):
        objectives.group_advantages(torch.ones(7), 4)


def test_a_reward_that_is_not_there_changes_nothing_for_its_group() -> None:
    rewards = torch.tensor([1.0, torch.nan, 0.0, 5.0])
    present = torch.tensor([True, False, True, False])

    advantages = objectives.group_advantages(rewards, 4, present=present)

    torch.testing.assert_close(advantages, torch.tensor([1.0, 0.0, -1.0, 0.0]))


@few
@given(seeds, st.sampled_from([-1.0, -0.4, 0.0, 0.3, 1.0]))
def test_balance_advantages(seed: int, balance: float) -> None:
    drawn = Drawn(seed)

    balanced = objectives.balance_advantages(*tensors(drawn.advantages, drawn.weights), balance)

    close(balanced, references.balance_advantages(drawn.advantages, drawn.weights, balance))


def test_advantages_of_0_stay_0_when_they_are_balanced() -> None:
    assert objectives.balance_advantages(torch.zeros(2, 2), torch.ones(2, 2), 0.5).eq(0).all()


@few
@given(seeds, st.sampled_from(["token", "sequence", "average", "geometric_average"]))
def test_importance_ratio(seed: int, level: Any) -> None:
    drawn = Drawn(seed)
    ratio = objectives.importance_ratio(*tensors(drawn.new, drawn.old, drawn.mask), level)
    expected = references.importance_ratio(drawn.new, drawn.old, drawn.mask, level)

    assert ratio.shape == drawn.shape
    close(ratio[torch.from_numpy(drawn.mask)], expected[drawn.mask])


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "ppo": st.booleans(),
        "epsilon": st.sampled_from([0.1, 0.5]),
        "epsilon_high": st.sampled_from([0.3, 2.0]),
        "importance_sampling_level": st.sampled_from(["token", "sequence", "average", "geometric_average"]),
        "max_negative_advantage_importance_sampling_weight": st.sampled_from([0.8, 2.0]),
        "mask_prob_ratio": st.booleans(),
        "kimi_k2_tau": st.sampled_from([0.1, 1.0]),
        "truncated_importance_sampling": st.sampled_from([0.7, 2.0]),
        "beta": st.sampled_from([0.0, 0.2]),
    },
)


@settings(max_examples=150, deadline=None)
@given(seeds, OPTIONS, st.booleans(), st.booleans())
def test_policy_loss_with_every_option(
    seed: int, options: dict[str, Any], weighted: bool, original: bool
) -> None:
    drawn = Drawn(seed)
    drawn.old[drawn.random.random(drawn.shape) < 0.2] = np.nan
    drawn.original[drawn.random.random(drawn.shape) < 0.2] = np.nan
    optional = {"ref": drawn.ref}
    optional |= {"weights": drawn.weights} if weighted else {}
    optional |= {"original": drawn.original} if original else {}
    arrays = (drawn.new, drawn.old, drawn.advantages, drawn.mask)

    loss = objectives.policy_loss(
        *tensors(*arrays), **{name: tensors(array)[0] for name, array in optional.items()}, **options
    )

    close(loss, references.policy_loss(*arrays, **optional, **options))


def test_cispo_weighs_the_gradient_by_the_ratio_and_does_not_differentiate_it() -> None:
    new = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)

    loss = objectives.policy_loss(
        new, torch.tensor([[-1.5]]).double(), torch.ones_like(new), torch.ones(1, 1)
    )
    loss.backward()  # type: ignore[no-untyped-call]

    assert new.grad is not None
    close(new.grad, [[-np.exp(0.5)]])


def test_the_correction_of_the_sampler_is_a_weight_and_not_differentiated() -> None:
    new, old, original = (torch.randn(2, 3, dtype=torch.float64) for _ in range(3))
    old.requires_grad_(), original.requires_grad_()
    mask, advantages = torch.ones(2, 3), torch.randn(2, 3, dtype=torch.float64)

    loss = objectives.policy_loss(
        new.requires_grad_(), old, advantages, mask, original=original, truncated_importance_sampling=3.0
    )
    loss.backward()  # type: ignore[no-untyped-call]

    assert all(each.grad is None or each.grad.eq(0).all() for each in (old, original))
    assert new.grad is not None
    assert new.grad.ne(0).all()


def test_ppo_has_no_gradient_where_the_ratio_is_clipped() -> None:
    new = torch.tensor([[-0.1, -0.1]], dtype=torch.float64, requires_grad=True)
    old, mask = torch.full((1, 2), -2.0).double(), torch.ones(1, 2)

    objectives.policy_loss(new, old, torch.tensor([[1.0, -1.0]]).double(), mask, ppo=True).backward()  # type: ignore[no-untyped-call]

    assert new.grad is not None
    assert new.grad[0, 0] == 0
    assert new.grad[0, 1] > 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda new, x, mask: objectives.clipped_surrogate(new, x, x, mask),
        lambda new, x, mask: objectives.ppo_loss(new, x, x, mask, ref=x),
        lambda new, x, mask: objectives.policy_loss(new, x, x, mask, ref=x, original=x, weights=x, beta=1.0),
        lambda new, x, mask: objectives.policy_loss(
            new, x, x, mask, ppo=True, importance_sampling_level="average"
        ),
    ],
)
@pytest.mark.parametrize("filling", [torch.nan, torch.inf, -1e9])
def test_what_the_mask_leaves_out_reaches_neither_the_loss_nor_a_gradient(
    loss: Callable[[Tensor, Tensor, Tensor], Tensor], filling: float
) -> None:
    mask = torch.tensor([[True, False]])
    new = torch.tensor([[-1.0, filling]], requires_grad=True)
    value = loss(new, torch.tensor([[-1.2, filling]]), mask)
    value.backward()  # type: ignore[no-untyped-call]

    assert value == loss(torch.tensor([[-1.0, 0.0]]), torch.tensor([[-1.2, 7.0]]), mask)
    assert new.grad is not None
    assert new.grad[0, 1] == 0
    assert new.grad[0, 0].isfinite()


def test_tensors_of_different_shapes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"one shape: new \(2, 3\), old \(2, 3\), advantages \(2,\), mask"):
        objectives.clipped_surrogate(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2), torch.ones(2, 3))


def test_a_kl_penalty_without_a_reference_is_refused() -> None:
    one = torch.ones(1, 1)

    with pytest.raises(ValueError, match="pass ref"):
        objectives.policy_loss(one, one, one, one, beta=0.1)


@few
@given(seeds, st.booleans(), st.sampled_from([0.0, 0.01]))
def test_bradley_terry_loss(seed: int, with_margin: bool, centering: float) -> None:
    random = np.random.default_rng(seed)
    chosen, rejected, margin = random.normal(size=(3, 5))

    loss = objectives.bradley_terry_loss(
        *tensors(chosen, rejected), tensors(margin)[0] if with_margin else None, centering
    )

    close(loss, references.bradley_terry_loss(chosen, rejected, margin if with_margin else None, centering))


def test_a_hopeless_pair_has_a_finite_loss() -> None:
    assert objectives.bradley_terry_loss(torch.tensor([-1e4]), torch.tensor([1e4])) == 2e4


@few
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), max_size=6))
def test_ranking_pairs_are_better_before_worse_and_ties_give_none(scores: list[float]) -> None:
    pairs = objectives.ranking_pairs(torch.tensor(scores))

    expected = [[i, j] for i in range(len(scores)) for j in range(len(scores)) if scores[i] > scores[j]]
    assert pairs.dtype == torch.int64
    assert pairs.shape == (len(expected), 2)
    assert pairs.tolist() == expected


@few
@given(seeds, st.integers(1, 6))
def test_plackett_luce_nll(seed: int, size: int) -> None:
    scores = np.random.default_rng(seed).normal(size=size)

    close(objectives.plackett_luce_nll(*tensors(scores)), references.plackett_luce_nll(scores))


def test_the_orders_of_a_ranking_are_one_distribution() -> None:
    from itertools import permutations

    scores = torch.tensor([0.3, -1.0, 2.0, 0.1], dtype=torch.float64)
    likelihoods = [
        torch.exp(-objectives.plackett_luce_nll(scores[list(order)])) for order in permutations(range(4))
    ]

    close(torch.stack(likelihoods).sum(), 1.0)
