"""What several annotators say together: the mean of their scores, every comment, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import frexp, ldexp
from statistics import fmean
from typing import Any

from optimization.core.values import Value
from optimization.losses.module import feedback_value


def agreement(scores: Sequence[float]) -> float | None:
    """1 minus the mean absolute difference of two annotators' scores (0..1); None for fewer than two."""
    if len(scores) < 2:
        return None
    return 1.0 - fmean(abs(a - b) for a, b in combinations(scores, 2))


def weighed_mean(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """The mean, each value counted as often as its annotator; where all weigh nothing, all count alike.

    Weights are brought near 1 by a power of two, which is exact: products with the smallest floats would lose digits.
    """
    if weights is None or not any(weights):
        return fmean(values)
    _, exponent = frexp(max(weights))
    return fmean(values, [ldexp(weight, -exponent) for weight in weights])


def pooled(
    comments: Sequence[Sequence[str]],
    scores: Sequence[float],
    weights: Sequence[float] | None = None,
    **meta: Any,
) -> Value:
    """One feedback of all annotators: an inner list of comments each, the (weighed) mean score, `agreement` of two or more."""
    found = agreement(scores)
    if found is not None:
        meta["agreement"] = found
    score = weighed_mean(scores, weights) if scores else None
    return feedback_value(list(comments), score, answers=len(comments), **meta)
