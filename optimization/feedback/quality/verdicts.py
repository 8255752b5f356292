"""What an answer says in one word, by which answers are compared."""

from __future__ import annotations

from collections.abc import Hashable

from optimization.losses.questions import Answer, PreferenceAnswer, RankingAnswer, RubricAnswer


def verdict_of(body: Answer) -> Hashable:
    """The score, the choice, the order; free feedback says whether there is something to improve."""
    match body:
        case RubricAnswer(score=score):
            return score
        case PreferenceAnswer(choice=choice):
            return choice
        case RankingAnswer(ranks=ranks):
            return tuple(ranks)
    return bool(body.improvements)
