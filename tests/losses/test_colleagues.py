"""A model judge as a colleague: it decides what it is sure of, and people see the rest and a share of that as well."""

from __future__ import annotations

import json
from collections import deque

import pytest

from optimization.llm.messages import Completion, CompletionRequest
from optimization.llm.scope import scoped
from optimization.losses.questions import RubricAnswer, RubricLevel, RubricQuestion
from optimization.runs.config import Colleague
from optimization.runs.work.colleagues import Formed, opinion_of

QUESTION = RubricQuestion(
    criteria="Kind?", output="Hello", levels=(RubricLevel(0, "no"), RubricLevel(1, "yes"))
)


class Judge:
    """Gives these scores, one a call."""

    def __init__(self, *scores: int) -> None:
        self.scores = deque(scores)

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        verdict = {
            "score": self.scores.popleft(),
            "justification": "",
            "actionable_improvements": ["Warmer."],
        }
        return Completion(text=json.dumps(verdict), model="judge-1")


async def formed(judge: Judge, **how: float) -> Formed:
    with scoped(node="judge"):
        return await opinion_of(QUESTION, judge, Colleague(**how), "k")  # type: ignore[arg-type]


async def test_what_most_samples_say_is_its_answer() -> None:
    said = await formed(Judge(1, 0, 1), sure=0.9, audit=1e-9)
    assert isinstance(said.answer, RubricAnswer)
    assert (said.answer.score, said.sure, said.model) == (1, pytest.approx(2 / 3), "judge-1")
    assert not said.decided  # not sure enough: people are asked


async def test_what_it_is_sure_of_it_decides() -> None:
    assert (await formed(Judge(1, 1, 1), sure=1.0, audit=1e-9)).decided


async def test_a_share_of_that_goes_to_people_as_well() -> None:
    assert not (await formed(Judge(1, 1, 1), sure=1.0, audit=1.0)).decided
