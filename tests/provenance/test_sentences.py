"""A prompt's sentences, each traced to the version that brought it."""

from __future__ import annotations

from optimization.runs.provenance.sentences import closeness, sentences_of, traced


def origins(*values: str) -> list[tuple[str, int, str]]:
    return [(line.text, line.place, line.was) for line in traced(values)]


def test_sentences_end_with_a_stop_or_a_line() -> None:
    assert sentences_of("You answer. Be brief!\n\n- Name the date\nIs it 4.5 kg? Say so.") == [
        "You answer.",
        "Be brief!",
        "- Name the date",
        "Is it 4.5 kg?",
        "Say so.",
    ]


def test_what_stays_keeps_its_origin_and_what_is_new_has_its_own() -> None:
    assert origins(
        "Greet them.", "Greet them. Name the refund.", "Greet them. Name the refund. Give a date."
    ) == [
        ("Greet them.", 0, ""),
        ("Name the refund.", 1, ""),
        ("Give a date.", 2, ""),
    ]


def test_a_reworded_sentence_says_what_it_was() -> None:
    assert origins("Begin with a greeting. Close.", "Begin with a greeting by name. Close.") == [
        ("Begin with a greeting by name.", 1, "Begin with a greeting."),
        ("Close.", 0, ""),
    ]


def test_a_sentence_that_only_moved_is_not_new() -> None:
    assert origins("One thing. Other thing.", "Other thing. One thing.") == [
        ("Other thing.", 0, ""),
        ("One thing.", 0, ""),
    ]


def test_a_sentence_that_went_and_came_back_is_the_last_one_s() -> None:
    assert origins("Stay. Go.", "Stay.", "Stay. Go.")[1] == ("Go.", 2, "")


def test_closeness_counts_shared_words_whatever_their_ending() -> None:
    assert closeness("Name the refunded amount.", "The refund is missing its amount") == 2
    assert closeness("Greet them.", "Give a date") == 0
