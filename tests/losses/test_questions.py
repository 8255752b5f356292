from __future__ import annotations

import json
from typing import Any

import pytest

from optimization.losses import (
    ANSWER,
    QUESTION,
    Answer,
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanPreferenceLoss,
    HumanRankingLoss,
    HumanRubricLoss,
    PreferenceAnswer,
    Question,
    RankingAnswer,
    RubricAnswer,
    RubricLevel,
    check_answer,
)
from tests.losses.rubrics import LEVELS

RUBRIC = HumanRubricLoss("c", LEVELS, require_feedback=2).question("x", "t", {"ticket": "t"})
FREE = HumanFeedbackLoss().question("x")
PREFERENCE = HumanPreferenceLoss("c").question("x", "y")
RANKING = HumanRankingLoss("c").question(["x", "y", "z"])
TIES = HumanRankingLoss("c", allow_ties=True).question(["x", "y", "z"])


@pytest.mark.parametrize("question", [RUBRIC, FREE, PREFERENCE, RANKING])
def test_a_question_survives_json(question: Question) -> None:
    assert QUESTION.validate_python(json.loads(question.model_dump_json())) == question


@pytest.mark.parametrize(
    "answer",
    [
        FeedbackAnswer(["a"]),
        RubricAnswer(3, ["a"], "j"),
        PreferenceAnswer("A", "r", "s", "w"),
        RankingAnswer([2, 1], ["n"]),
    ],
)
def test_an_answer_survives_json(answer: Answer) -> None:
    assert ANSWER.validate_python(json.loads(answer.model_dump_json())) == answer


def test_answers_may_be_given_by_name_as_in_the_specification() -> None:
    assert FeedbackAnswer(improvements=["a"]).improvements == ["a"]
    assert RubricAnswer(score=3, improvements=["a"], justification="j").justification == "j"
    assert PreferenceAnswer(choice="tie", reason="r", strengths="s", weaknesses="w").choice == "tie"
    assert RankingAnswer(ranks=[2, 1, 3], notes=["n"]).ranks == [2, 1, 3]
    assert RubricLevel(score=1, label="l", description="d") == RubricLevel(1, "l", "d")


@pytest.mark.parametrize(
    ("question", "answer", "problem"),
    [
        (RUBRIC, RubricAnswer(3), None),
        (RUBRIC, RubricAnswer(2, ["Greet."]), None),
        (RUBRIC, RubricAnswer(4), ("score", "4 is not a score of this rubric. It has 1, 2, 3, 5.")),
        (
            RUBRIC,
            RubricAnswer(2, [" "]),
            ("improvements", "Say what should be better: a score of 2 asks for it."),
        ),
        (FREE, FeedbackAnswer(), None),
        (PREFERENCE, PreferenceAnswer("A", "clear"), None),
        (PREFERENCE, PreferenceAnswer("abstain"), None),
        (PREFERENCE, PreferenceAnswer("A"), ("reason", "Say in a few words why.")),
        (RANKING, RankingAnswer([3, 1, 2]), None),
        (RANKING, RankingAnswer([1, 2]), ("ranks", "Give a rank to each of the 3 outputs; 2 were given.")),
        (RANKING, RankingAnswer([1, 2, 4]), ("ranks", "Ranks are 1 to 3; 4 is not one of them.")),
        (
            RANKING,
            RankingAnswer([1, 1, 2]),
            ("ranks", "Rank 1 was given twice, and ties are not allowed here."),
        ),
        (RANKING, RankingAnswer([1, 2, 3], list("abcd")), ("notes", "There are 4 notes for 3 outputs.")),
        (TIES, RankingAnswer([1, 1, 2]), None),
        (FREE, RubricAnswer(3), ("kind", "This is a feedback question, and the answer is for a rubric one.")),
    ],
)
def test_an_answer_is_checked_against_its_question(
    question: Any, answer: Any, problem: tuple[str, str] | None
) -> None:
    assert check_answer(question, answer) == ([problem] if problem else [])
