"""How one person's answer is read, whatever question it answers."""

from __future__ import annotations

import pytest

from optimization.losses import PreferenceAnswer, RankingAnswer, RubricAnswer
from optimization.losses.questions import Answer, PreferenceQuestion, Question, RankingQuestion
from optimization.losses.reading import answer_feedback
from tests.feedback.scene import rubric


@pytest.mark.parametrize("criteria", ["", "  \n"])
@pytest.mark.parametrize(
    ("question", "answer", "scores"),
    [
        (rubric(), RubricAnswer(5), [1.0]),
        (PreferenceQuestion(criteria="", outputs=("a", "b")), PreferenceAnswer("B", "kinder"), [0.0, 1.0]),
        (RankingQuestion(criteria="", outputs=("a", "b")), RankingAnswer([1, 2]), [1.0, 0.0]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_stored_question_without_criteria_is_read_all_the_same(
    question: Question, answer: Answer, scores: list[float], criteria: str
) -> None:
    stored = question.model_copy(update={"criteria": criteria})
    assert [value.score for value in answer_feedback(stored, answer)] == scores
