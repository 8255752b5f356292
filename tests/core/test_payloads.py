from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import Value, ValueKind, combine_feedback, normalize_feedback_payload

scalars = st.none() | st.text(max_size=8) | st.integers() | st.floats(allow_nan=False)
payloads = scalars | st.lists(scalars | st.lists(scalars, max_size=4), max_size=5)


@pytest.mark.parametrize("nothing", [None, "", [], "  \n", [""], [[]], [["", None], []]])
def test_nothing_gives_an_empty_list(nothing: object) -> None:
    assert normalize_feedback_payload(nothing) == []


def test_a_string_or_a_number_is_one_item() -> None:
    assert normalize_feedback_payload("Too long") == [["Too long"]]
    assert normalize_feedback_payload(3) == [["3"]]
    assert normalize_feedback_payload(0.5) == [["0.5"]]


def test_a_flat_list_is_one_inner_list() -> None:
    assert normalize_feedback_payload(["a", "b"]) == [["a", "b"]]
    assert normalize_feedback_payload(("a", 2)) == [["a", "2"]]


def test_a_list_of_lists_keeps_its_shape() -> None:
    assert normalize_feedback_payload([["a"], ["b", "c"]]) == [["a"], ["b", "c"]]
    assert normalize_feedback_payload([["a"], "b"]) == [["a"], ["b"]]


def test_blanks_are_dropped_and_numbers_become_strings() -> None:
    assert normalize_feedback_payload(["a", " ", "", None, 4]) == [["a", "4"]]


def test_a_value_gives_its_payload() -> None:
    assert normalize_feedback_payload(Value(ValueKind.TEXT, "a")) == [["a"]]
    assert normalize_feedback_payload([Value(ValueKind.TEXT, "a"), "b"]) == [["a", "b"]]


@given(payloads)
def test_every_payload_has_the_one_shape_and_normalizing_again_changes_nothing(payload: object) -> None:
    shaped = normalize_feedback_payload(payload)

    assert all(group and all(isinstance(text, str) and text.strip() for text in group) for group in shaped)
    assert normalize_feedback_payload(shaped) == shaped


@given(payloads)
def test_no_text_is_lost_or_reordered(payload: object) -> None:
    def texts(x: object) -> list[str]:
        if isinstance(x, list):
            return [text for item in x for text in texts(item)]
        return [] if x is None or not str(x).strip() else [str(x)]

    assert [text for group in normalize_feedback_payload(payload) for text in group] == texts(payload)


def test_combine_feedback_concatenates_payloads_and_collects_scores() -> None:
    a = Value(ValueKind.STRUCTURED, [["a"]], meta={"score": 0.2, "_tape_ids": ["t"]})
    b = Value(ValueKind.STRUCTURED, [["b"], ["c"]], meta={"score": 0.8})

    combined = combine_feedback([a, b, "d"])

    assert combined == Value(ValueKind.STRUCTURED, [["a"], ["b"], ["c"], ["d"]], meta={"scores": [0.2, 0.8]})


def test_combining_combined_feedback_keeps_every_score() -> None:
    parts = [Value(ValueKind.STRUCTURED, [["x"]], meta={"score": score}) for score in (0.1, 0.2, 0.3)]

    assert combine_feedback([combine_feedback(parts[:2]), parts[2]]).meta["scores"] == [0.1, 0.2, 0.3]


def test_combining_one_feedback_keeps_its_score_and_leaves_it_unchanged() -> None:
    only = Value(ValueKind.STRUCTURED, [["a"]], meta={"score": 0.2, "_tape_ids": ["t"]})

    assert combine_feedback([only]) == Value(ValueKind.STRUCTURED, [["a"]], meta={"score": 0.2})
    assert only.meta["_tape_ids"] == ["t"]


@given(st.lists(payloads, max_size=5))
def test_combine_feedback_keeps_every_inner_list(feedback: list[object]) -> None:
    expected = [group for item in feedback for group in normalize_feedback_payload(item)]

    assert combine_feedback(feedback).payload == expected
