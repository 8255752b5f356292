"""The order in which a person sees outputs that are compared: `order[place]` is the output that stands in that place.

A person answers what they see; what is stored is about the outputs as the run asked about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from optimization.losses.questions import (
    Answer,
    Choice,
    PreferenceAnswer,
    PreferenceQuestion,
    Question,
    RankingAnswer,
    RankingQuestion,
)

SWAPPED: dict[str, Choice] = {"A": "B", "B": "A"}


def outputs_compared(question: Question) -> int:
    """How many outputs the question compares; 0 for one that is about a single output."""
    return len(question.outputs) if isinstance(question, PreferenceQuestion | RankingQuestion) else 0


def question_in_order(question: Question, order: Sequence[int]) -> Question:
    """The question with its outputs in the places where they are shown."""
    if not isinstance(question, PreferenceQuestion | RankingQuestion):
        return question
    return cast(
        "Question", question.model_copy(update={"outputs": tuple(question.outputs[i] for i in order)})
    )


def answer_as_asked(answer: Answer, order: Sequence[int]) -> Answer:
    """What was said of places, as said of the outputs that stood there. Applied to a checked answer."""
    marks = [mark.model_copy(update={"output": order[mark.output]}) for mark in answer.marks]
    match answer:
        case PreferenceAnswer(choice=choice):
            said = SWAPPED.get(choice, choice) if order[0] == 1 else choice
            return answer.model_copy(update={"choice": said, "marks": marks})
        case RankingAnswer(ranks=ranks, notes=notes):
            places = [list(order).index(output) for output in range(len(ranks))]
            noted = [notes[place] if place < len(notes) else "" for place in places] if notes else []
            moved = {"ranks": [ranks[place] for place in places], "notes": noted, "marks": marks}
            return answer.model_copy(update=moved)
    return answer


def answer_as_shown(answer: Answer, order: Sequence[int]) -> Answer:
    """The other way round: a stored answer in the terms of who gave it."""
    return answer_as_asked(answer, [list(order).index(place) for place in range(len(order))])
