"""What a policy is trained on: pure functions on tensors, each with its formula and its source.

Log-probabilities, advantages and masks are (B, T). The mask (bool or 0/1, any dtype) marks the positions whose target
token the policy itself sampled; what stands elsewhere, NaN included, reaches neither a value nor a gradient.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

ImportanceLevel = Literal["token", "sequence", "average", "geometric_average"]


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean of `x` where the mask is set; 0 for an empty mask."""
    _same_shape(x=x, mask=mask)
    return _kept(x, mask).sum() / mask.bool().sum().clamp(min=1)


def clipped_surrogate(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
) -> Tensor:
    """masked mean of -min(rho A, clip(rho, 1 - epsilon, 1 + epsilon_high) A), where rho = exp(new - old).

    `epsilon_high` is `epsilon` where it is not given. Schulman et al. 2017, equation 7; the upper bound of its own
    is DAPO's (Yu et al. 2025).
    """
    _same_shape(new=new, old=old, advantages=advantages, mask=mask)
    ratio = torch.exp(_kept(new, mask) - _kept(old, mask))
    return masked_mean(_clipped(ratio, _kept(advantages, mask), epsilon, epsilon_high), mask)


def kl_k3(new: Tensor, ref: Tensor) -> Tensor:
    """exp(ref - new) - 1 - (ref - new), elementwise: an unbiased, never negative estimate of KL(new || ref).

    For tokens sampled from `new`. Schulman, "Approximating KL divergence" (2020), estimator k3.
    """
    _same_shape(new=new, ref=ref)
    difference = ref - new
    return torch.expm1(difference) - difference


def ppo_loss(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    ref: Tensor | None = None,
    beta: float = 0.04,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
) -> Tensor:
    """The clipped surrogate + beta times the masked mean of `kl_k3(new, ref)`; without `ref`, the surrogate alone."""
    loss = clipped_surrogate(new, old, advantages, mask, epsilon=epsilon, epsilon_high=epsilon_high)
    if ref is None or beta == 0:
        return loss
    return loss + beta * masked_mean(kl_k3(_kept(new, mask), _kept(ref, mask)), mask)


def reward_to_go(rewards: Tensor, mask: Tensor, discount: float = 1.0) -> Tensor:
    """(B,) rewards, paid after the last action, to (B, T): the j-th of n actions gets discount^(n-1-j) r, others 0."""
    _rows(rewards, mask)
    actions = mask.bool()
    to_come = actions.long().flip(1).cumsum(1).flip(1) - 1
    rewards = rewards if rewards.is_floating_point() else rewards.to(torch.get_default_dtype())
    factors = torch.as_tensor(discount, dtype=rewards.dtype, device=rewards.device) ** to_come.clamp(min=0)
    return _kept(rewards[:, None] * factors, actions)


def group_advantages(
    rewards: Tensor,
    group_size: int,
    *,
    scale: bool = True,
    eps: float = 1e-8,
    present: Tensor | None = None,
) -> Tensor:
    """(r - mean) / (population std + eps) within groups of consecutive rewards; exact zeros for a constant group.

    Without `scale` the mean is subtracted alone (Liu et al. 2025, "Dr. GRPO"). `present`, bool (N,), leaves rewards
    out of their group's mean and std and gives them 0. Shao et al. 2024, "DeepSeekMath", section 4.1.
    Raises ValueError if the group size does not divide the number of rewards.
    """
    if rewards.ndim != 1:
        raise ValueError(f"Rewards of groups are one number a rollout, (N,), not {_shape(rewards)}.")
    if group_size < 1 or len(rewards) % group_size:
        raise ValueError(f"{len(rewards)} rewards do not divide into groups of {group_size}.")
    counted = torch.ones_like(rewards, dtype=torch.bool) if present is None else present.bool()
    _same_shape(rewards=rewards, present=counted)
    grouped, counted = rewards.view(-1, group_size), counted.view(-1, group_size)
    size = counted.sum(1, keepdim=True).clamp(min=1)
    mean = _kept(grouped, counted).sum(1, keepdim=True) / size
    centred = _kept(grouped - mean, counted)
    std = (centred.square().sum(1, keepdim=True) / size).sqrt()
    advantages = centred / (std + eps) if scale else centred
    lowest = grouped.masked_fill(~counted, torch.inf).amin(1, keepdim=True)
    highest = grouped.masked_fill(~counted, -torch.inf).amax(1, keepdim=True)
    # The mean of equal rewards may miss them by a rounding error, which the division by eps would blow up.
    return advantages.masked_fill(lowest >= highest, 0).view(-1)


def balance_advantages(advantages: Tensor, weights: Tensor, balance: float) -> Tensor:
    """Advantages whose signs weigh differently, at a mean magnitude of 1.

    `balance` b > 0 multiplies the non-positive by 1 - b, b < 0 the non-negative by 1 + b; the result is divided by the
    weighted mean of its absolute values (zeros stay zeros). ART's `advantage_balance`.
    """
    _same_shape(advantages=advantages, weights=weights)
    if not -1 <= balance <= 1:
        raise ValueError(f"The balance of advantages lies between -1 and 1, not at {balance}.")
    balanced = torch.where(
        advantages <= 0 if balance > 0 else advantages >= 0, advantages * (1 - abs(balance)), advantages
    )
    counted = weights != 0
    total = weights.sum()
    magnitude = _kept(balanced.abs() * weights, counted).sum() / torch.where(total == 0, 1, total)
    return torch.where(magnitude > 0, balanced / torch.where(magnitude > 0, magnitude, 1), balanced)


def importance_ratio(new: Tensor, old: Tensor, mask: Tensor, level: ImportanceLevel = "token") -> Tensor:
    """How much likelier the sampled tokens are now than when they were sampled, (B, T); d = new - old.

    token: exp(d). sequence: exp(masked mean of d over the row), for every token of it (Zheng et al. 2025, "GSPO").
    average: (token + sequence) / 2. geometric_average: sqrt(token * sequence).
    """
    _same_shape(new=new, old=old, mask=mask)
    difference = _kept(new, mask) - _kept(old, mask)
    if level == "token":
        return torch.exp(difference)
    row_mean = difference.sum(1, keepdim=True) / mask.bool().sum(1, keepdim=True).clamp(min=1)
    if level == "sequence":
        return torch.exp(row_mean).expand_as(difference)
    if level == "average":
        return (torch.exp(difference) + torch.exp(row_mean)) / 2
    if level == "geometric_average":
        return torch.exp((difference + row_mean) / 2)
    raise ValueError(
        f"Importance is sampled by token, sequence, average or geometric_average, not by {level!r}."
    )


def policy_loss(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    weights: Tensor | None = None,
    ref: Tensor | None = None,
    original: Tensor | None = None,
    ppo: bool = False,
    epsilon: float | None = None,
    epsilon_high: float | None = None,
    importance_sampling_level: ImportanceLevel = "token",
    max_negative_advantage_importance_sampling_weight: float | None = None,
    mask_prob_ratio: bool = False,
    kimi_k2_tau: float | None = None,
    truncated_importance_sampling: float | None = None,
    beta: float = 0.0,
) -> Tensor:
    """The loss of the backends, a scalar. In this order:

    1. r: the importance ratio, by level. A NaN in `old` or `original` is replaced by new.detach().
    2. `max_negative_advantage_importance_sampling_weight` bounds every ratio above, whatever the advantage's sign.
    3. `mask_prob_ratio` zeroes what lies outside the open interval (1 - epsilon, 1 + epsilon_high).
    4. `kimi_k2_tau` subtracts tau (new - old).detach() from A (Kimi K2's regularisation).
    5. `ppo`: -min(r A, clip(r) A), epsilon 0.2 on both sides; else CISPO (MiniMax 2025): -clip(r.detach()) A new,
       epsilon 1, epsilon_high 4.
    6. `truncated_importance_sampling` c: times min(exp(old - original), c).detach(), where `original` is what the
       sampler said and `old` what the trainer computed before the update; without `original` the two are one.
    7. Plus beta `kl_k3(new, ref)`; times weights and mask; divided by the sum of the mask.
    """
    _same_shape(new=new, old=old, advantages=advantages, mask=mask)
    new, advantages = _kept(new, mask), _kept(advantages, mask)
    old = _known(old, new, mask)
    low, high = _bounds(ppo, epsilon, epsilon_high)
    ratio = importance_ratio(new, old, mask, importance_sampling_level)
    if max_negative_advantage_importance_sampling_weight is not None:
        ratio = ratio.clamp(max=max_negative_advantage_importance_sampling_weight)
    if mask_prob_ratio:
        ratio = torch.where((ratio > 1 - low) & (ratio < 1 + high), ratio, 0.0)
    if kimi_k2_tau is not None:
        advantages = advantages - kimi_k2_tau * (new - old).detach()
    if ppo:
        loss = _clipped(ratio, advantages, low, high)
    else:
        loss = -ratio.detach().clamp(1 - low, 1 + high) * advantages * new
    if truncated_importance_sampling is not None:
        sampler = old if original is None else _known(original, new, mask)
        loss = loss * torch.exp(old - sampler).clamp(max=truncated_importance_sampling).detach()
    if beta:
        if ref is None:
            raise ValueError("A KL penalty (beta above 0) needs the reference's log-probabilities: pass ref.")
        loss = loss + beta * kl_k3(new, _kept(ref, mask))
    if weights is not None:
        _same_shape(new=new, weights=weights)
        loss = loss * _kept(weights, mask)
    return masked_mean(loss, mask)


def bradley_terry_loss(
    chosen: Tensor, rejected: Tensor, margin: Tensor | float | None = None, centering: float = 0.0
) -> Tensor:
    """mean of -logsigmoid(chosen - rejected - margin) + centering (chosen + rejected)^2, of a reward model's scores.

    Bradley and Terry 1952; the margin is Llama 2's, the centering Eisenstein et al. 2023's.
    """
    _same_shape(chosen=chosen, rejected=rejected)
    difference = chosen - rejected if margin is None else chosen - rejected - margin
    return (-logsigmoid(difference) + centering * (chosen + rejected).square()).mean()


def ranking_pairs(scores: Tensor) -> Tensor:
    """(n,) scores to (P, 2) int64: every pair (better, worse) of indices; ties give none."""
    if scores.ndim != 1:
        raise ValueError(f"A ranking is one score an item, (n,), not {_shape(scores)}.")
    return (scores[:, None] > scores[None, :]).nonzero()


def plackett_luce_nll(scores: Tensor) -> Tensor:
    """sum over i of logsumexp(s_i, ..., s_n) - s_i, for the scores of items given best first.

    The negative log-likelihood of that order: each item is chosen before all that follow it. Plackett 1975.
    """
    return (torch.logcumsumexp(scores.flip(-1), -1).flip(-1) - scores).sum(-1)


def _clipped(ratio: Tensor, advantages: Tensor, epsilon: float, epsilon_high: float | None) -> Tensor:
    bounded = ratio.clamp(1 - epsilon, 1 + (epsilon if epsilon_high is None else epsilon_high))
    return -torch.minimum(ratio * advantages, bounded * advantages)


def _bounds(ppo: bool, epsilon: float | None, epsilon_high: float | None) -> tuple[float, float]:
    low = (0.2 if ppo else 1.0) if epsilon is None else epsilon
    return low, (low if ppo else 4.0) if epsilon_high is None else epsilon_high


def _kept(x: Tensor, mask: Tensor) -> Tensor:
    # Before exp, not after: 0 times the gradient of an overflow is NaN.
    return torch.where(mask.bool(), x, torch.zeros((), dtype=x.dtype, device=x.device))


def _known(log_probs: Tensor, new: Tensor, mask: Tensor) -> Tensor:
    _same_shape(new=new, log_probs=log_probs)
    return torch.where(torch.isnan(log_probs), new.detach(), _kept(log_probs, mask))


def _rows(rewards: Tensor, mask: Tensor) -> None:
    if rewards.ndim != 1 or mask.ndim != 2 or len(rewards) != len(mask):
        raise ValueError(f"Rewards are (B,) and the mask (B, T), not {_shape(rewards)} and {_shape(mask)}.")


def _same_shape(**tensors: Tensor) -> None:
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {_shape(tensor)}" for name, tensor in tensors.items())
        raise ValueError(f"These tensors must have one shape: {shapes}.")


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
