"""An answer fits its question, or a sentence beside each field says why not."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.feedback.errors import InvalidAnswer
from optimization.feedback.parsing import answer_parse
from optimization.losses.questions import FeedbackQuestion, PreferenceQuestion, Question, RankingQuestion
from tests.feedback.scene import rubric


def errors_of(question: Question, body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidAnswer) as refused:
        answer_parse(question, body)
    return refused.value.errors


PAIR = PreferenceQuestion(criteria="Which?", outputs=("a", "b"))
THREE = RankingQuestion(criteria="Order?", outputs=("a", "b", "c"))


def test_a_rubric_wants_a_level_of_its_own() -> None:
    assert errors_of(rubric(), {}) == {"score": "Choose a level."}
    assert errors_of(rubric(), {"score": 2.5}) == {
        "score": "2.5 is not a score of this rubric. It has 1, 2, 3, 4, 5."
    }
    assert errors_of(rubric(), {"score": "high"}) == {"score": "The score is a number."}


@pytest.mark.parametrize(
    ("rule", "score", "wanted"),
    [(True, 5, True), (False, 1, False), (3.0, 3, True), (3.0, 4, False), (0.0, 1, False)],
)
def test_a_rubric_wants_improvements_where_it_says_so(rule: bool | float, score: int, wanted: bool) -> None:
    question = rubric(require_feedback=rule)
    if wanted:
        assert set(errors_of(question, {"score": score, "improvements": ["  "]})) == {"improvements"}
    answer_parse(question, {"score": score, "improvements": ["Say when"] if wanted else []})


def test_blank_lines_and_unstorable_characters_are_dropped() -> None:
    checked = answer_parse(rubric(), {"score": 1, "improvements": [" Say when\x00 ", "", "\ud800x"]})
    assert checked.improvements == ["Say when", "?x"]


def test_feedback_may_find_nothing_to_improve() -> None:
    question = FeedbackQuestion(criteria="", output="x")
    assert answer_parse(question, {}).improvements == []
    assert errors_of(question, {"improvements": "one"}) == {
        "improvements": "The improvements are a list of texts."
    }


def test_a_preference_wants_a_choice_and_a_reason_for_it() -> None:
    assert set(errors_of(PAIR, {})) == {"choice"}
    assert errors_of(PAIR, {"choice": "C"}) == {"choice": "The choice is A, B, tie, both_bad or abstain."}
    assert set(errors_of(PAIR, {"choice": "A", "reason": " "})) == {"reason"}
    answer_parse(PAIR, {"choice": "abstain"})
    answer_parse(PAIR, {"choice": "tie", "reason": "Both name the day"})
    answer_parse(PAIR.model_copy(update={"require_reason": False}), {"choice": "B"})


def test_a_ranking_ranks_every_output_once() -> None:
    assert set(errors_of(THREE, {})) == {"ranks"}
    assert "each of the 3 outputs; 2 were given" in errors_of(THREE, {"ranks": [1, 2]})["ranks"]
    assert "4 is not one of them" in errors_of(THREE, {"ranks": [1, 2, 4]})["ranks"]
    assert "Rank 1 was given twice" in errors_of(THREE, {"ranks": [1, 1, 2]})["ranks"]
    assert set(errors_of(THREE, {"ranks": [1, 2, 3], "notes": list("abcd")})) == {"notes"}
    answer_parse(THREE, {"ranks": [2, 1, 3]})
    answer_parse(THREE.model_copy(update={"allow_ties": True}), {"ranks": [1, 1, 2]})


def test_an_answer_of_another_kind_is_refused() -> None:
    assert set(errors_of(rubric(), {"kind": "ranking", "ranks": [1]})) == {"kind"}


def test_a_misspelt_field_is_told_and_not_dropped() -> None:
    assert errors_of(rubric(), {"score": 4, "improvments": ["x"]}) == {
        "improvments": "A rubric answer has no field improvments."
    }


def test_an_endless_text_is_refused() -> None:
    assert set(errors_of(rubric(), {"score": 4, "justification": "x" * 20_001})) == {"justification"}
