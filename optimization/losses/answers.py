"""Does an answer fit its question? Asked wherever people answer: on the console, on a page and over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optimization.losses.questions import (
    Answer,
    PreferenceAnswer,
    PreferenceQuestion,
    Question,
    RankingAnswer,
    RankingQuestion,
    RubricAnswer,
    RubricLevel,
    RubricQuestion,
)

MARKS = 50


class Problem(NamedTuple):
    """What is wrong with which field of an answer."""

    field: str
    message: str


def check_answer(question: Question, answer: Answer) -> list[Problem]:
    """What keeps an answer from being taken; an empty list if nothing does."""
    if problems := _marks(question, answer):
        return problems
    match question, answer:
        case RubricQuestion(), RubricAnswer():
            return _rubric(question, answer)
        case PreferenceQuestion(), PreferenceAnswer():
            return words_missing(question, answer)
        case RankingQuestion(), RankingAnswer():
            return ranking_problems(answer, len(question.outputs), question.allow_ties)
        case _ if question.kind == answer.kind:
            return []
    return [
        Problem("kind", f"This is a {question.kind} question, and the answer is for a {answer.kind} one.")
    ]


def _marks(question: Question, answer: Answer) -> list[Problem]:
    if len(answer.marks) > MARKS:
        return [Problem("marks", f"There are {len(answer.marks)} comments on words; {MARKS} are the most.")]
    total = len(question.outputs) if isinstance(question, PreferenceQuestion | RankingQuestion) else 1
    wrong = [mark.output for mark in answer.marks if mark.output >= total]
    if wrong:
        return [Problem("marks", f"Output {wrong[0]} of a mark is not one of the {total}, counted from 0.")]
    return []


def _rubric(question: RubricQuestion, answer: RubricAnswer) -> list[Problem]:
    if question.aspects:
        if problems := _aspects(question, answer):
            return problems
    elif question.level(answer.score) is None:
        return [Problem("score", not_a_score(answer.score, question.levels))]
    return words_missing(question, answer)


def _aspects(question: RubricQuestion, answer: RubricAnswer) -> list[Problem]:
    """One problem for each aspect without a level of its own, and for each score of what is no aspect."""
    problems = []
    for aspect in question.aspects:
        score, levels = answer.scores.get(aspect.name), question.levels_of(aspect)
        if score is None:
            problems.append(Problem(f"scores/{aspect.name}", f"Choose a level for “{aspect.name}”."))
        elif all(level.score != score for level in levels):
            problems.append(Problem(f"scores/{aspect.name}", not_a_score(score, levels)))
    known = {aspect.name for aspect in question.aspects}
    names = ", ".join(aspect.name for aspect in question.aspects)
    return problems + [
        Problem(f"scores/{name}", f"“{name}” is not an aspect of this rubric. It has {names}.")
        for name in answer.scores
        if name not in known
    ]


def not_a_score(score: float, levels: Sequence[RubricLevel]) -> str:
    """What is told of a score that none of the levels has."""
    known = ", ".join(f"{level.score:g}" for level in levels)
    return f"{score:g} is not a score of this rubric. It has {known}."


def words_missing(question: Question, answer: Answer) -> list[Problem]:
    """What the question requires beside a verdict (`require_feedback`, `require_reason`) and the answer leaves out."""
    match question, answer:
        case RubricQuestion(), RubricAnswer():
            given = answer.scores.values() if question.aspects else [answer.score]
            lowest = min(given, default=answer.score)
            said = any(text.strip() for text in answer.improvements) or answer.marks
            if question.improvements_required(lowest) and not said:
                words = f"Say what should be better: a score of {lowest:g} asks for it."
                return [Problem("improvements", words)]
        case PreferenceQuestion(), PreferenceAnswer():
            reasons = f"{answer.reason}{answer.strengths}{answer.weaknesses}".strip()
            if question.require_reason and answer.choice != "abstain" and not (reasons or answer.marks):
                return [Problem("reason", "Say in a few words why.")]
    return []


def ranking_problems(answer: RankingAnswer, total: int, allow_ties: bool) -> list[Problem]:
    """Ranks are 1 to `total`, one for each output, none twice unless ties are allowed."""
    if len(answer.ranks) != total:
        return [
            Problem("ranks", f"Give a rank to each of the {total} outputs; {len(answer.ranks)} were given.")
        ]
    wrong = [rank for rank in answer.ranks if not 1 <= rank <= total]
    if wrong:
        return [Problem("ranks", f"Ranks are 1 to {total}; {wrong[0]} is not one of them.")]
    repeated = _repeated(answer.ranks)
    if repeated and not allow_ties:
        return [Problem("ranks", f"Rank {repeated[0]} was given twice, and ties are not allowed here.")]
    if len(answer.notes) > total:
        return [Problem("notes", f"There are {len(answer.notes)} notes for {total} outputs.")]
    return []


def _repeated(ranks: Sequence[int]) -> list[int]:
    return sorted({rank for rank in ranks if ranks.count(rank) > 1})
