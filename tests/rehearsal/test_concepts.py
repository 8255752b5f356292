"""What people ask for, in their own words, is recognised as what the table of concepts knows."""

from __future__ import annotations

import pytest

from optimization.rehearsal.asking import instructed_in, named_in
from optimization.rehearsal.catalogue import CONCEPTS, REPLY_CONTENT, STYLE
from optimization.rehearsal.concepts import Concept

WORDINGS = {
    "name": [
        "use her name",
        "address him by his name",
        "Start with the customer's first name",
        "names Gareth",
    ],
    "apology": ["say sorry", "An apology is missing", "You might apologize first"],
    "feeling": ["show some compassion", "more empathy", "acknowledge that she is upset"],
    "order": [
        "which order is it?",
        "order number missing",
        "quote the order no.",
        "reference the order number",
    ],
    "happened": [
        "why did it happen?",
        "what was the cause?",
        "explain why the parcel is late",
        "give the reason",
    ],
    "done": ["what have you done about it?", "mention the actions taken", "say how we fixed it"],
    "next_step": [
        "tell them what to do next",
        "what happens now?",
        "What should she do now?",
        "clear next step",
    ],
    "date": [
        "mention when it will arrive",
        "When does it come?",
        "add a date",
        "How long will it take?",
        "say by when",
    ],
    "policy": ["cite the warranty", "mention our refund policy", "is it covered by the guarantee?"],
    "contact": ["give them a phone number", "say how to reach us"],
    "question": ["end with a question", "ask whether this helps", "finish by asking if it helped"],
    "signature": ["who wrote this?", "sign it", "add a signature", "sign off with your name"],
    "filler": ["less corporate waffle", "sounds like a template", "get to the point", "sounds robotic"],
    "blame": ["Don't accuse the customer", "it is rude to the customer", "Do not lecture"],
    "jargon": ["stop using abbreviations", "what is an SLA?", "use plain English"],
    "friendly": ["be friendlier", "warmer tone", "too cold"],
    "formal": ["more formal"],
    "bullets": ["use bullet points", "make it a list"],
    "short": ["Too long.", "shorter please", "keep it brief", "at most 80 words", "make it more concise"],
    "price": ["how much does it cost?", "give the price"],
    "audience": ["who is it for?", "name the target audience"],
    "material": ["what is it made of?"],
    "size": ["how big is it?", "give dimensions"],
    "headline": ["add a headline"],
    "care": ["how do I clean it?"],
    "invitation": ["add a call to action"],
}
NEUTRAL = [
    "You answer customers of a lamp shop.",
    "Improve the draft.",
    "Write the final reply to the customer.",
    "Polish the draft and answer with the final text only.",
    "Would you send this reply to the customer?",
    "Summarise the text.",
]


@pytest.mark.parametrize(
    ("wording", "name"), [(wording, name) for name, wordings in WORDINGS.items() for wording in wordings]
)
def test_a_persons_wording_means_one_concept(wording: str, name: str) -> None:
    assert [concept.name for concept in named_in(wording)] == [name]


@pytest.mark.parametrize("text", NEUTRAL)
def test_a_prompt_that_asks_for_nothing_in_particular_means_none(text: str) -> None:
    assert named_in(text) == ()


def test_every_concept_has_a_wording_here() -> None:
    assert {concept.name for concept in CONCEPTS} == set(WORDINGS)
    assert len(REPLY_CONTENT) + len(STYLE) >= 12


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_our_own_remarks_and_instructions_mean_their_concept_alone(concept: Concept) -> None:
    for text in (concept.instruction, *concept.remarks):
        assert named_in(text) == (concept,), text
        assert not concept.refused_in(text), text


def test_a_refusal_takes_an_instruction_back_and_the_last_word_counts() -> None:
    def names(prompt: str) -> list[str]:
        return [concept.name for concept in instructed_in(prompt)]

    assert names("Name the order number. Give a date.") == ["order", "date"]
    assert names("Name the order number.\nDo not name the order number.") == []
    assert names("Never apologise. Apologise for the trouble.") == ["apology"]
    assert names("Do not use jargon.") == ["jargon"]
    assert names("Answer without naming the order number.") == []
