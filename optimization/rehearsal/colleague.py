"""Rehearsal colleagues: programs that judge as the rehearsal's judge does, each with a temper and words of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    RubricLevel,
    RubricQuestion,
)
from optimization.rehearsal.brief import Brief
from optimization.rehearsal.judge import Verdict, judge

CONTENT = "Keep it as it is."


@dataclass(frozen=True)
class Persona:
    """`leniency` is the part of a rubric's level that is given away, `wording` which of the remarks is used,
    `remarks` how many are made at most."""

    name: str
    leniency: float
    wording: int
    remarks: int

    def answer(self, question: Question) -> Answer:
        """A function of the question alone."""
        match question:
            case RubricQuestion():
                return self._rubric(question)
            case FeedbackQuestion():
                verdict = _verdict(question.output, question)
                return FeedbackAnswer(improvements=self._improvements(verdict))
            case PreferenceQuestion():
                return self._preference(question)
            case RankingQuestion():
                return self._ranking(question)

    def _improvements(self, verdict: Verdict) -> list[str]:
        return verdict.improvements(self.remarks, self.wording)

    def _rubric(self, question: RubricQuestion) -> RubricAnswer:
        verdict = _verdict(question.output, question)
        scores = {
            aspect.name: self._level(verdict, question.levels_of(aspect)) for aspect in question.aspects
        }
        improvements = self._improvements(verdict)
        if question.require_feedback is True and not improvements:
            improvements = [CONTENT]
        return RubricAnswer(
            score=self._level(verdict, question.levels),
            improvements=improvements,
            justification=verdict.justification(),
            scores=scores,
        )

    def _level(self, verdict: Verdict, levels: Sequence[RubricLevel]) -> float:
        return verdict.level([level.score for level in levels], self.leniency)

    def _preference(self, question: PreferenceQuestion) -> PreferenceAnswer:
        a, b = (_verdict(output, question) for output in question.outputs)
        if a.share == b.share:
            return PreferenceAnswer(choice="tie", reason="Both show the same.")
        better, worse = (a, b) if a.share > b.share else (b, a)
        return PreferenceAnswer(
            choice="A" if better is a else "B",
            reason=f"{better.justification()} {' '.join(self._improvements(worse))}",
            strengths=better.strengths(),
            weaknesses=worse.weaknesses(),
        )

    def _ranking(self, question: RankingQuestion) -> RankingAnswer:
        """Equal ones share a rank where ties are allowed, else the earlier one is ahead."""
        shares = [_verdict(output, question).share for output in question.outputs]
        order = sorted(range(len(shares)), key=lambda at: (-shares[at], at))
        ranks = [
            1 + sum(share > shares[at] for share in shares) if question.allow_ties else 1 + order.index(at)
            for at in range(len(shares))
        ]
        notes = [" ".join(self._improvements(_verdict(output, question))) for output in question.outputs]
        return RankingAnswer(ranks=ranks, notes=notes)


ADA = Persona("Ada (rehearsal)", leniency=0.5, wording=0, remarks=2)
BEN = Persona("Ben (rehearsal)", leniency=0.0, wording=1, remarks=3)
PERSONAS = (ADA, BEN)


def _verdict(output: Any, question: Question) -> Verdict:
    blocks = {name.lower(): as_text(value) for name, value in question.context.items()}
    brief = Brief("\n".join(blocks.values()), blocks)
    return judge(as_text(output), brief, as_text(question.target), question.criteria)


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def persona_named(name: str) -> Persona:
    """The persona of that name; for any other name one of the two, always the same."""
    return next((one for one in PERSONAS if one.name == name), PERSONAS[sum(name.encode()) % len(PERSONAS)])


def answer_body(persona: Persona, question: Question) -> Mapping[str, Any]:
    """The answer as REST takes it."""
    return persona.answer(question).model_dump(mode="json")
