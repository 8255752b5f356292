"""Scores to rewards: one column a component, and each rollout's reward from its own column alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimization.policy.components import Component, by_component
from optimization.policy.errors import NotFinite
from optimization.policy.rollouts import Rollout

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Rewards:
    """(N,) each: the reward, 0 where there is none; whether anybody has scored the row; its component's number."""

    values: Matrix
    scored: NDArray[np.bool_]
    source: NDArray[np.int64]


def gather_rewards(
    components: Sequence[Component],
    rollouts: Sequence[Rollout],
    scores: Sequence[float | None],
    postprocess: Callable[[Any], Any],
) -> Rewards:
    """Build the (N, k) matrix of scores, in which a row fills its source's column alone, have it postprocessed, and
    take each row's own column: never a sum over columns.

    Raises ValueError for another number of scores or a postprocess that changes the shape, NotFinite for NaN.
    """
    if len(scores) != len(rollouts):
        raise ValueError(f"There are {len(rollouts)} rollouts and {len(scores)} scores: give one for each.")
    scored = np.array([score is not None for score in scores], dtype=np.bool_)
    source = np.zeros(len(rollouts), dtype=np.int64)
    matrix = np.zeros((len(rollouts), len(components)))
    for number, rows in by_component(components, rollouts):
        source[rows] = number
        matrix[rows, number] = [scores[row] or 0.0 for row in rows]
    changed = np.asarray(postprocess(matrix.copy()), dtype=np.float64)
    if changed.shape != matrix.shape:
        raise ValueError(
            f"reward_postprocess got scores of shape {matrix.shape} (rollouts, components) and returned "
            f"{changed.shape}; it must keep the shape."
        )
    values = np.where(scored, changed[np.arange(len(rollouts)), source], 0.0)
    if not np.isfinite(values).all():
        row = int(np.isfinite(values).argmin())
        raise NotFinite(
            f"The reward of rollout {row}, of {components[source[row]].name!r}, is {values[row]}; nothing was trained. "
            "A reward is a finite number."
        )
    return Rewards(values, scored, source)
