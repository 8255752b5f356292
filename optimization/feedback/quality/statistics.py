"""Agreement, preference strengths and shares with their intervals, by the libraries of the field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Literal

import choix
import krippendorff
import numpy as np
from scipy import stats

Level = Literal["nominal", "ordinal", "interval"]
Unit = Mapping[int, Hashable]  # what each annotator, by id, said of one question
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


def alpha(units: Sequence[Unit], level: Level) -> float | None:
    """Krippendorff's alpha: 1 agreement, 0 what chance would give; None where nobody could have differed."""
    raters = sorted({rater for unit in units for rater in unit})
    values = {value for unit in units if len(unit) > 1 for value in unit.values()}
    if len(raters) < 2 or len(values) < 2:
        return None
    number: dict[Hashable, float] = {
        value: float(value) if isinstance(value, int | float) else float(place)
        for place, value in enumerate(sorted(values, key=str))
    }
    table = [[number.get(unit.get(rater), np.nan) for unit in units] for rater in raters]
    return float(krippendorff.alpha(reliability_data=np.array(table), level_of_measurement=level))


def cohen(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two annotators over the questions that both answered (Cohen 1960); None where chance is certain."""
    if not pairs:
        return None
    first, second = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    by_chance = sum(first[value] * second[value] for value in first) / len(pairs) ** 2
    observed = fmean(one == other for one, other in pairs)
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def fleiss(units: Sequence[Unit]) -> float | None:
    """Fleiss' kappa (Fleiss 1971), over the questions with as many answers as most have; None where chance is certain."""
    if not units:
        return None
    raters = Counter(len(unit) for unit in units if len(unit) > 1)
    if not raters:
        return None
    n = raters.most_common(1)[0][0]
    counts = [Counter(unit.values()) for unit in units if len(unit) == n]
    observed = fmean((sum(k * k for k in count.values()) - n) / (n * (n - 1)) for count in counts)
    total = sum(counts, Counter[Hashable]())
    by_chance = sum((k / (n * len(counts))) ** 2 for k in total.values())
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def kendall(rankings: Sequence[Sequence[Sequence[float]]]) -> float | None:
    """The mean of Kendall's tau-b over all pairs of annotators of each question."""
    found = [
        float(stats.kendalltau(one, other).statistic)
        for given in rankings
        for one, other in combinations(given, 2)
    ]
    defined = [tau for tau in found if not np.isnan(tau)]
    return fmean(defined) if defined else None


def share(successes: int, total: int) -> Estimate | None:
    """A proportion with Wilson's interval."""
    if not total:
        return None
    interval = stats.binomtest(successes, total).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / total, float(interval.low), float(interval.high))


def chance_of(successes: int, total: int) -> float:
    """How likely a share as far from one half would be by chance alone (two-sided binomial test)."""
    return float(stats.binomtest(successes, total).pvalue) if total else 1.0


def strengths(players: int, won: Sequence[tuple[int, int]]) -> list[Estimate]:
    """Bradley-Terry strengths, as logarithms about their mean, with intervals from the Fisher information.

    `won` has (winner, loser) for each comparison. A small penalty keeps those who never lost finite.
    """
    if players < 2 or not won:
        return []
    found = np.asarray(choix.opt_pairwise(players, won, alpha=PENALTY))
    information = np.eye(players) * PENALTY
    for winner, loser in won:
        difference = found[winner] - found[loser]
        weight = 1 / (2 + np.exp(difference) + np.exp(-difference))
        information[[winner, loser], [winner, loser]] += weight
        information[[winner, loser], [loser, winner]] -= weight
    centred = np.eye(players) - 1 / players
    spread = np.sqrt(np.diag(centred @ np.linalg.inv(information) @ centred)) * stats.norm.ppf(
        0.5 + CONFIDENCE / 2
    )
    found = found - found.mean()
    return [
        Estimate(float(value), float(value - half), float(value + half))
        for value, half in zip(found, spread, strict=True)
    ]


PENALTY = 0.01
