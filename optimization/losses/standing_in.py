"""A model in place of people who did not answer in time: it is asked their question, and answers as they would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optimization.llm.messages import Completion, CompletionRequest, Resources
from optimization.losses.feedback import LLMFeedbackLoss
from optimization.losses.module import lines
from optimization.losses.preference import LLMPreferenceLoss
from optimization.losses.questions import (
    Answer,
    FeedbackAnswer,
    FeedbackQuestion,
    PreferenceAnswer,
    PreferenceQuestion,
    Question,
    RankingAnswer,
    RankingQuestion,
    RubricAnswer,
    RubricQuestion,
)
from optimization.losses.ranking import LLMRankingLoss
from optimization.losses.rubric import LLMRubricLoss


async def answered_by_model(question: Question, resources: Resources) -> tuple[Answer, str]:
    """The answer of the model behind “judge”, and the model's name. Raises what a model judge raises."""
    asked = _Naming(resources)
    answer = await _answer(question, asked)
    return answer, asked.model


class _Naming:
    """Resources that remember which model replied last."""

    def __init__(self, inner: Resources) -> None:
        self._inner = inner
        self.model = ""

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        completion = await self._inner.complete(alias, request)
        self.model = completion.model
        return completion


class _Preference(LLMPreferenceLoss):
    """The verdict as the model gave it, once it is found to be one."""

    def read_verdict(self, verdict: dict[str, Any]) -> Any:
        super().read_verdict(verdict)
        return verdict


class _Ranking(LLMRankingLoss):
    """The verdict as the model gave it, once it is found to be one."""

    def read_verdict(self, verdict: dict[str, Any], asked: Sequence[int] = ()) -> Any:
        super().read_verdict(verdict)
        return verdict


async def _answer(question: Question, resources: Resources) -> Answer:
    context = dict(question.context)
    match question:
        case RubricQuestion():
            rubric = LLMRubricLoss(question.criteria, question.levels).bind(resources)
            said = await rubric.judge(question.output, question.target, context)
            return RubricAnswer(said.meta["raw_score"], _flat(said.payload), said.meta["justification"])
        case FeedbackQuestion():
            feedback = LLMFeedbackLoss(criteria=question.criteria).bind(resources)
            said = await feedback.judge(question.output, question.target, context)
            return FeedbackAnswer(_flat(said.payload))
        case PreferenceQuestion():
            pair: Any = (
                await _Preference(question.criteria).bind(resources).judge_pair(*question.outputs, context)
            )
            return _preferred(pair)
        case RankingQuestion():
            ranking = _Ranking(question.criteria).bind(resources)
            order: Any = await ranking.judge_together(list(question.outputs), context)
            return _ranked(order)


def _flat(payload: list[list[str]]) -> list[str]:
    return [text for group in payload for text in group]


def _preferred(verdict: dict[str, Any]) -> PreferenceAnswer:
    """Strengths are the better output's and weaknesses the other's, as in a person's answer."""
    winner = verdict["winner"]
    better, worse = ("b", "a") if winner == "B" else ("a", "b")
    return PreferenceAnswer(
        winner, verdict["reason"], verdict[f"{better}_strengths"], verdict[f"{worse}_weaknesses"]
    )


def _ranked(verdict: dict[str, Any]) -> RankingAnswer:
    order: list[int] = verdict["ranking"]
    notes = [""] * len(order)
    notes[order[0] - 1] = "\n".join(lines(verdict["best_qualities"]))
    notes[order[-1] - 1] = "\n".join(lines(verdict["worst_issues"]))
    return RankingAnswer([order.index(number) + 1 for number in range(1, len(order) + 1)], notes)
