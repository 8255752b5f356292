"""The writer does what the prompt asks for, and only that."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.rehearsal import NOTICE
from optimization.rehearsal.brief import Brief
from optimization.rehearsal.player import play
from optimization.rehearsal.wire import ChatRequest
from optimization.rehearsal.writer import write
from tests.rehearsal.conftest import NOTES, TICKETS, brief_of, case_text

MINA = brief_of(TICKETS[0])
ORLA = brief_of(NOTES[0])
INSTRUCTIONS = {
    "Greet the customer by name.": "Hello Mina,",
    "Name the order number.": "HB-20418",
    "Say what happened.": "dropped at the Leeds depot",
    "Say what we have already done.": "posted a new shade by express",
    "Offer one concrete next step.": "put the broken glass aside",
    "Give a date.": "14 March",
    "Name the replacement policy.": "is replaced free of charge",
    "Apologise.": "We are sorry",
    "Show empathy.": "how frustrating",
    "Close with a question.": "?",
    "Sign with the agent's name.": "Rosa, Hollow & Bright",
    "Write it as bullet points.": "\n- ",
}


@pytest.mark.parametrize(("instruction", "sign"), INSTRUCTIONS.items())
def test_what_is_asked_for_is_there_and_what_is_not_is_not(instruction: str, sign: str) -> None:
    assert sign not in write("Answer the ticket.", MINA)
    assert sign in write(f"Answer the ticket. {instruction}", MINA)


@pytest.mark.parametrize(
    ("instruction", "flaw"),
    [
        ("Leave out empty phrases.", "top priority"),
        ("Do not blame the customer.", "customers must check"),
        ("No jargon, please.", "SLA"),
    ],
)
def test_what_thoughtless_automation_writes_goes_when_it_is_told_to(instruction: str, flaw: str) -> None:
    assert flaw in write("Answer the ticket.", MINA)
    assert flaw not in write(f"Answer the ticket. {instruction}", MINA)


def test_the_tone_is_what_the_prompt_says() -> None:
    assert write("Be friendly.", MINA).startswith("Hi there,")
    assert write("Be friendly. Greet the customer by name.", MINA).startswith("Hi Mina,")
    assert write("Be formal. Greet the customer by name.", MINA).startswith("Dear Mina Okafor,")


def test_the_order_of_the_instructions_does_not_change_the_order_of_the_letter() -> None:
    asked = ("Give a date.", "Apologise.", "Say what happened.")
    assert len({write(" ".join(order), MINA) for order in itertools.permutations(asked)}) == 1


def test_a_word_limit_is_kept_and_the_least_important_goes_first() -> None:
    everything = " ".join(INSTRUCTIONS)
    short = write(f"{everything} Keep it under 60 words.", MINA)
    assert len(short.split()) <= 60
    assert "HB-20418" in short
    assert "fulfilment" not in short


def test_a_draft_is_kept_and_what_is_missing_is_put_where_it_belongs() -> None:
    draft = "Hello Mina,\n\nWe are sorry for the trouble. I have a cat too.\n\nRosa"
    brief = Brief.read(f"{MINA.text}\n\nDraft: {draft}")
    refined = write("Name the order number. Greet the customer by name. Give a date.", brief)
    assert refined.startswith(
        "Hello Mina,\n\nWe are sorry for the trouble. This is about your order HB-20418."
    )
    assert "I have a cat too." in refined
    assert refined.count("Hello") == 1


def test_a_fact_outside_the_table_is_cited_when_the_prompt_names_it() -> None:
    ravi = brief_of(next(row for row in TICKETS if "Tracking" in row["inputs"]["facts"]))
    assert "GX-4471-88" in write("Answer. Include the tracking code.", ravi)
    assert "GX-4471-88" not in write("Answer. Do not include the tracking code.", ravi)


def test_quoted_words_are_used_or_left_out() -> None:
    assert "Stay bright!" in write('Answer. End with "Stay bright!"', MINA)
    assert "looking into it" not in write('Answer. Never write "looking into it".', MINA)


def test_a_text_is_taken_as_what_the_prompt_says_it_should_be() -> None:
    plain = write("Write a product description.", ORLA)
    better = write(
        "Write a product description. Give the price. Say who it is for. Begin with a headline.", ORLA
    )
    assert "89 euros" not in plain
    assert all(part in better for part in ("# The Orla", "89 euros", "people who read late"))
    assert write("Write about the arm and the circle it turns in.", ORLA) != plain


def test_without_a_case_it_says_what_it_is() -> None:
    request = ChatRequest.model_validate(
        {"model": "rehearsal", "messages": [{"role": "user", "content": "Are you there?"}]}
    )
    assert NOTICE in play(request)


@given(system=st.text(max_size=200), user=st.text(max_size=400))
def test_any_text_gets_a_reply_that_is_not_empty(system: str, user: str) -> None:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    assert play(ChatRequest.model_validate({"model": "rehearsal", "messages": messages})).strip()


@given(values=st.fixed_dictionaries({name: st.text(max_size=80) for name in TICKETS[0]["inputs"]}))
def test_any_ticket_gets_a_reply_under_the_whole_list_of_instructions(values: dict[str, str]) -> None:
    assert write(" ".join(INSTRUCTIONS), Brief.read(case_text(values))).strip()
