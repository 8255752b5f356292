"""The scores that one annotator's answer gives, output by output: what a reward is made of, before any pooling."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from optimization.losses.agreement import agreement
from optimization.losses.aspects import Rubric
from optimization.losses.preference import SCORES
from optimization.losses.questions import (
    Answer,
    PreferenceAnswer,
    Question,
    RankingAnswer,
    RubricAnswer,
    RubricQuestion,
)
from optimization.losses.ranking import mean_ranks, rank_score


def answer_scores(question: Question, answer: Answer) -> tuple[float, ...]:
    """0..1 for each output the question is about; () for free feedback and for an abstention."""
    match question, answer:
        case RubricQuestion(), RubricAnswer():
            return (Rubric.of(question).share(answer),)
        case _, PreferenceAnswer(choice=choice):
            return SCORES.get(choice, ())
        case _, RankingAnswer(ranks=ranks) if len(ranks) > 1:
            return tuple(rank_score(rank, len(ranks)) for rank in mean_ranks(ranks))
    return ()


def scores_agreement(scores: Sequence[Sequence[float]]) -> float | None:
    """How far annotators agree, 0..1, over all outputs; None for fewer than two with scores."""
    outputs = list(zip(*(row for row in scores if row), strict=True))
    found = [agreed for column in outputs if (agreed := agreement(column)) is not None]
    return fmean(found) if found else None


def standard_error(scores: Sequence[Sequence[float]]) -> float | None:
    """Of the mean score, the largest over the outputs; None for fewer than two annotators with scores."""
    given = [row for row in scores if row]
    if len(given) < 2:
        return None
    return float(max(stdev(column) / sqrt(len(column)) for column in zip(*given, strict=True)))
