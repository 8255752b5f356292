"""A prompt's change is read word by word."""

from hypothesis import given
from hypothesis import strategies as st

from optimization.runs.diff import word_diff


def shown(before: str, after: str) -> str:
    """The diff with what went in [-brackets-] and what came in [+brackets+]."""
    marks = {"same": "{}", "removed": "[-{}-]", "added": "[+{}+]"}
    return "".join(marks[piece.kind].format(piece.text) for piece in word_diff(before, after))


def test_a_word_that_changed_is_one_change() -> None:
    assert shown("Begin with a greeting.", "Begin with the name.") == "Begin with [-a greeting-][+the name+]."


def test_equal_texts_are_one_piece() -> None:
    assert shown("Offer help.", "Offer help.") == "Offer help."


def test_words_that_came_stand_alone() -> None:
    assert shown("Offer help.", "Offer help with a date.") == "Offer help[+ with a date+]."


def test_a_contraction_is_one_word() -> None:
    assert shown("Don't apologise", "Do apologise") == "[-Don't-][+Do+] apologise"


def test_a_new_line_keeps_two_changes_apart() -> None:
    assert shown("one\ntwo", "three\nfour") == "[-one-][+three+]\n[-two-][+four+]"


def test_a_prompt_that_was_empty_has_all_come() -> None:
    assert shown("", "Be brief.") == "[+Be brief.+]"


def test_white_space_around_a_change_is_not_part_of_what_is_shown() -> None:
    _, added = word_diff("Offer help.", "Offer help.\nGive a date. ")
    assert (added.lead, added.words, added.tail) == ("\n", "Give a date.", " ")


@given(st.text(), st.text())
def test_the_pieces_make_up_both_texts(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == after
