"""The objectives written a second time, in numpy, float64 and plain loops, from the formulas alone."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import numpy as np

Array = Any


def masked_mean(x: Array, mask: Array) -> float:
    kept = [x[i] for i in np.ndindex(x.shape) if mask[i]]
    return sum(kept) / len(kept) if kept else 0.0


def clip(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def clipped_surrogate(
    new: Array, old: Array, advantages: Array, mask: Array, epsilon: float, epsilon_high: float | None
) -> float:
    high = epsilon if epsilon_high is None else epsilon_high
    terms = np.zeros_like(new)
    for i in np.ndindex(new.shape):
        ratio = exp(new[i] - old[i])
        terms[i] = -min(ratio * advantages[i], clip(ratio, 1 - epsilon, 1 + high) * advantages[i])
    return masked_mean(terms, mask)


def kl_k3(new: Array, ref: Array) -> Array:
    return np.array([exp(r - n) - 1 - (r - n) for n, r in zip(new.flat, ref.flat, strict=True)]).reshape(
        new.shape
    )


def reward_to_go(rewards: Array, mask: Array, discount: float) -> Array:
    result = np.zeros(mask.shape)
    for row, reward in enumerate(rewards):
        actions = [t for t in range(mask.shape[1]) if mask[row, t]]
        for j, t in enumerate(actions):
            result[row, t] = discount ** (len(actions) - 1 - j) * reward
    return result


def group_advantages(rewards: Array, group_size: int, scale: bool, eps: float) -> Array:
    result = np.zeros(len(rewards))
    for start in range(0, len(rewards), group_size):
        group = [float(r) for r in rewards[start : start + group_size]]
        if len(set(group)) == 1:
            continue
        mean = sum(group) / len(group)
        std = sqrt(sum((r - mean) ** 2 for r in group) / len(group))
        for offset, reward in enumerate(group):
            result[start + offset] = (reward - mean) / (std + eps) if scale else reward - mean
    return result


def balance_advantages(advantages: Array, weights: Array, balance: float) -> Array:
    balanced = advantages.copy()
    for i in np.ndindex(balanced.shape):
        if balance > 0 and balanced[i] <= 0:
            balanced[i] *= 1 - balance
        if balance < 0 and balanced[i] >= 0:
            balanced[i] *= 1 + balance
    magnitude = (np.abs(balanced) * weights).sum() / weights.sum()
    return balanced / magnitude if magnitude > 0 else balanced


def importance_ratio(new: Array, old: Array, mask: Array, level: str) -> Array:
    result = np.zeros_like(new)
    for row in range(len(new)):
        mean = masked_mean(new[row] - old[row], mask[row])
        for t in range(new.shape[1]):
            token, sequence = exp(new[row, t] - old[row, t]), exp(mean)
            result[row, t] = {
                "token": token,
                "sequence": sequence,
                "average": (token + sequence) / 2,
                "geometric_average": sqrt(token * sequence),
            }[level]
    return result


def policy_loss(
    new: Array,
    old: Array,
    advantages: Array,
    mask: Array,
    weights: Array | None = None,
    ref: Array | None = None,
    original: Array | None = None,
    ppo: bool = False,
    epsilon: float | None = None,
    epsilon_high: float | None = None,
    importance_sampling_level: str = "token",
    max_negative_advantage_importance_sampling_weight: float | None = None,
    mask_prob_ratio: bool = False,
    kimi_k2_tau: float | None = None,
    truncated_importance_sampling: float | None = None,
    beta: float = 0.0,
) -> float:
    old = np.where(np.isnan(old), new, old)
    low = epsilon if epsilon is not None else (0.2 if ppo else 1.0)
    high = epsilon_high if epsilon_high is not None else (low if ppo else 4.0)
    ratios = importance_ratio(new, old, mask, importance_sampling_level)
    total = 0.0
    for i in np.ndindex(new.shape):
        if not mask[i]:
            continue
        ratio, advantage = ratios[i], advantages[i]
        if max_negative_advantage_importance_sampling_weight is not None:
            ratio = min(ratio, max_negative_advantage_importance_sampling_weight)
        if mask_prob_ratio and not (1 - low < ratio < 1 + high):
            ratio = 0.0
        if kimi_k2_tau is not None:
            advantage -= kimi_k2_tau * (new[i] - old[i])
        if ppo:
            term = -min(ratio * advantage, clip(ratio, 1 - low, 1 + high) * advantage)
        else:
            term = -clip(ratio, 1 - low, 1 + high) * advantage * new[i]
        if truncated_importance_sampling is not None:
            sampled = old[i] if original is None else original[i]
            sampled = new[i] if np.isnan(sampled) else sampled
            term *= min(exp(old[i] - sampled), truncated_importance_sampling)
        if beta:
            term += beta * (exp(ref[i] - new[i]) - 1 - (ref[i] - new[i]))
        total += term * (1.0 if weights is None else weights[i])
    return total / max(int(mask.sum()), 1)


def bradley_terry_loss(chosen: Array, rejected: Array, margin: Array | None, centering: float) -> float:
    terms = []
    for i in range(len(chosen)):
        difference = chosen[i] - rejected[i] - (0.0 if margin is None else margin[i])
        terms.append(log(1 + exp(-difference)) + centering * (chosen[i] + rejected[i]) ** 2)
    return sum(terms) / len(terms)


def plackett_luce_nll(scores: Array) -> float:
    total = 0.0
    for i in range(len(scores)):
        total -= log(exp(scores[i]) / sum(exp(s) for s in scores[i:]))
    return total
