"""What a text asks for: the concepts that a remark, a criterion, a target or a prompt names."""

from __future__ import annotations

from functools import lru_cache

from optimization.rehearsal.brief import sentences_of
from optimization.rehearsal.catalogue import CONCEPTS
from optimization.rehearsal.concepts import Concept

_REMEMBERED = 4096


@lru_cache(_REMEMBERED)
def named_in(text: str) -> tuple[Concept, ...]:
    """The concepts that a remark, a criterion or a target speaks of."""
    return tuple(concept for concept in CONCEPTS if concept.asked_in(text))


def instructed_in(prompt: str) -> list[Concept]:
    """The concepts that a prompt asks for; of contradicting instructions the last counts."""
    asked: dict[Concept, bool] = {}
    for sentence in sentences_of(prompt):
        for concept in named_in(sentence):
            asked[concept] = not concept.refused_in(sentence)
    return [concept for concept in CONCEPTS if asked.get(concept)]
