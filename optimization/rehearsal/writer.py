"""The writer: does what the prompt asks for, as far as the table of concepts knows it, and nothing more.

Given a draft it keeps the draft and adds what is asked for and missing. Without instructions it writes what
thoughtless automation writes: vague, full of stock phrases, and signed by nobody.
"""

from __future__ import annotations

import re

from optimization.rehearsal import NOTICE
from optimization.rehearsal.asking import instructed_in, named_in
from optimization.rehearsal.brief import Brief, sentences_of, word_limit
from optimization.rehearsal.catalogue import CONCEPTS, STYLE
from optimization.rehearsal.concepts import Concept
from optimization.rehearsal.letter import Letter
from optimization.rehearsal.overlap import content_words, covers
from optimization.rehearsal.showings import PARAGRAPH, as_sentence

_THOUGHTLESS = Letter(
    "Hello,",
    (
        "Thank you for contacting us, your satisfaction is our top priority.",
        "Your message was escalated to the fulfilment desk under our SLA.",
        "Please note that customers must check every detail before writing.",
        "We are looking into it.",
    ),
    ("Customer Service",),
)
_STOCK_OPENING = "In today's fast-moving world, this is a great choice."
_QUOTED = re.compile(r"[\"“«]([^\"”»]{2,120})[\"”»]")
_MENTION = re.compile(
    r"\b(mention|name|include|give|state|cite|quote|add|tell|say|explain|list|describe)\b", re.IGNORECASE
)
_REFUSE = re.compile(r"\b(do not|don't|never|avoid|without|leave out|omit)\b", re.IGNORECASE)
_FIRST = re.compile(r"\b(start|begin|open)\w*\b", re.IGNORECASE)
_LAST = re.compile(r"\b(end|close|finish|conclude)\w*\b", re.IGNORECASE)


def write(prompt: str, brief: Brief, sample: int = 0) -> str:
    """The text for a case under a prompt; each further sample leaves another sentence of it out."""
    limit = word_limit(prompt)
    asked = [concept for concept in instructed_in(prompt) if concept.fits(brief)]
    letter = Letter.parse(brief.draft) if brief.draft else first_draft(prompt, brief)
    for concept in asked:
        if not concept.shown(letter.render(), brief):
            letter = _bring_in(concept, letter, brief)
    for sentence in sentences_of(prompt):
        if not named_in(sentence):
            letter = follow(sentence, letter, brief)
    if limit or any(concept.name == "short" for concept in asked):
        letter = trimmed(letter, asked, brief.with_limit(limit or PARAGRAPH))
    return _sampled(letter, sample).render()


def _sampled(letter: Letter, sample: int) -> Letter:
    if not sample or len(letter.body) < 2:
        return letter
    at = -sample % len(letter.body)
    return letter.with_body((*letter.body[:at], *letter.body[at + 1 :]))


def first_draft(prompt: str, brief: Brief) -> Letter:
    """What is written before any instruction is followed: of a text, its first sentence and the one nearest to what
    the prompt says beside its instructions."""
    if brief.is_ticket:
        return _THOUGHTLESS
    asked = content_words(" ".join(line for line in sentences_of(prompt) if not named_in(line)))
    first, *others = sentences_of(brief.material) or [f"({NOTICE}: there was no text to work on.)"]
    nearest = max(others, key=lambda line: len(asked & content_words(line)), default="")
    near = (nearest,) if asked & content_words(nearest) else ()
    return Letter(body=(_STOCK_OPENING, first, *near))


def _bring_in(concept: Concept, letter: Letter, brief: Brief) -> Letter:
    sentence = concept.showing.sentence(brief)
    if sentence:
        letter = letter.insert(_place(concept, letter, brief), sentence)
    return concept.showing.restyle(letter, brief)


def _place(concept: Concept, letter: Letter, brief: Brief) -> int:
    """After the last sentence that shows a concept standing earlier in the table."""
    earlier = [one for one in CONCEPTS[: CONCEPTS.index(concept)] if one not in STYLE and one.fits(brief)]
    shown = [at for at, line in enumerate(letter.body) if any(one.shown(line, brief) for one in earlier)]
    return shown[-1] + 1 if shown else 0


def follow(instruction: str, letter: Letter, brief: Brief) -> Letter:
    """An instruction outside the table: quoted words are used or left out, a named fact is cited."""
    for words in _QUOTED.findall(instruction):
        if _REFUSE.search(instruction):
            letter = letter.without(re.compile(re.escape(words), re.IGNORECASE))
        elif words.lower() not in letter.render().lower():
            at = 0 if _FIRST.search(instruction) and not _LAST.search(instruction) else len(letter.body)
            letter = letter.insert(at, words if words[-1] in ".!?" else f"{words}.")
    if _QUOTED.search(instruction) or _REFUSE.search(instruction) or not _MENTION.search(instruction):
        return letter
    fact = _cited(instruction, brief)
    return letter.insert(len(letter.body), fact) if fact and not covers(letter.render(), fact) else letter


def _cited(instruction: str, brief: Brief) -> str:
    """The fact whose label, or the sentence of the source whose words, the instruction names; else ""."""
    asked = content_words(instruction)
    for label, value in brief.facts.items():
        if asked & content_words(label):
            return as_sentence(f"{label}: {value}")
    if brief.is_ticket:
        return ""
    nearest = max(sentences_of(brief.material), key=lambda line: len(asked & content_words(line)), default="")
    return nearest if asked & content_words(nearest) else ""


def trimmed(letter: Letter, asked: list[Concept], brief: Brief) -> Letter:
    """Drop the least important sentences until the limit holds; one sentence always stays."""

    def worth(line: str) -> int:
        return max(
            (one.importance for one in asked if one not in STYLE and one.shown(line, brief)), default=0
        )

    while letter.words > (brief.limit or PARAGRAPH) and len(letter.body) > 1:
        least = min(range(len(letter.body)), key=lambda at: (worth(letter.body[at]), -at))
        letter = letter.with_body((*letter.body[:least], *letter.body[least + 1 :]))
    return letter
