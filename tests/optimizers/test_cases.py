"""Feedback texts taken apart into cases, alone and joined."""

from __future__ import annotations

from optimization.core import Value, ValueKind
from optimization.core.remarks import parameter_feedback
from optimization.optimizers.cases import cases_in, counted, joined


def left(*remarks: str, score: float = 0.5) -> str:
    feedback = Value(ValueKind.STRUCTURED, [list(remarks)], meta={"score": score})
    return parameter_feedback(feedback, {"ticket": "where is it?"}, "Dear customer")


def test_a_text_that_backward_left_is_remarks_and_their_context() -> None:
    (case,) = cases_in([left("Too long:\ntwo sentences", "Say when")])
    assert case.remarks == ["Too long:\ntwo sentences", "Say when"]
    assert case.context == ["Score: 0.50", "Input: where is it?", "Output: Dear customer"]
    assert case.score == 0.5


def test_texts_joined_are_taken_apart_again_and_lose_the_mark_of_their_place() -> None:
    together = joined([left("ID [0]: a", "ID [0]: b", score=0.25), "", left("ID [3]: c", score=1.0)])
    assert [(case.remarks, case.score) for case in cases_in([together])] == [(["a", "b"], 0.25), (["c"], 1.0)]


def test_a_text_of_any_other_make_is_one_remark() -> None:
    assert [case.remarks for case in cases_in(["be kind\n- always", " "])] == [["be kind\n- always"]]
    assert cases_in([joined(["be kind\n- always"])])[0].remarks == ["be kind\n- always"]


def test_equal_remarks_are_counted_and_stand_on_one_line() -> None:
    assert counted(["b", "too\n long", "too long"]) == ["too long (2 times)", "b"]
