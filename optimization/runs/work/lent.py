"""A counterfactual run's loan, laid out for its items: responses and answers by key and by what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from optimization.losses.questions import ANSWER, QUESTION, Answer, Question
from optimization.models import Call, Run
from optimization.runs.lending import left_out, lent_calls, lent_requests
from optimization.runs.work.reading import answers_read


@dataclass(frozen=True)
class Lent:
    """What is asked otherwise than the lender asked it is not lent: the key alone does not fit."""

    calls: Mapping[tuple[str, str], Call] = field(default_factory=dict)
    answered: Mapping[tuple[str, str], list[Answer]] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Run) -> Lent:
        """All that the run is lent. A question that only the one left out had answered has no answers."""
        calls = {(_key(call.key), call.digest): call for call in lent_calls(run).defer("request")}
        answered: dict[tuple[str, str], list[Answer]] = {}
        for request, answers in answers_read(lent_requests(run), without=left_out(run)):
            question = QUESTION.validate_python(request.question)
            stood_in = [ANSWER.validate_python(request.stood_in["body"])] if request.stood_in else []
            answered[_key(request.key), question.model_dump_json()] = [*(answers or ()), *stood_in]
        return cls(calls, answered)

    def call(self, key: str, digest: str) -> Call | None:
        return self.calls.get((key, digest))

    def answers(self, key: str, question: Question) -> list[Answer] | None:
        return self.answered.get((key, question.model_dump_json()))


def _key(key: str) -> str:
    """Without the mark of what was asked otherwise under the same key (sheet.other_key)."""
    return key.partition("~")[0]
