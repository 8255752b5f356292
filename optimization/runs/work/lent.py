"""A counterfactual run's loan, laid out for its items: responses and answers by key and by what was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from optimization.losses.questions import ANSWER, QUESTION, Answer, Question
from optimization.models import Call, Run
from optimization.runs.lending import lent_answers, lent_calls, lent_requests


@dataclass(frozen=True)
class Lent:
    """What is asked otherwise than the lender asked it is not lent: the key alone does not fit."""

    calls: Mapping[tuple[str, str], Call] = field(default_factory=dict)
    answered: Mapping[tuple[str, str], list[Answer]] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Run) -> Lent:
        """All that the run is lent. A question that only the one left out had answered has no answers."""
        calls = {(_key(call.key), call.digest): call for call in lent_calls(run).defer("request")}
        bodies: dict[int, list[Answer]] = defaultdict(list)
        for answer in lent_answers(run).order_by("pk"):
            bodies[answer.request_id].append(ANSWER.validate_python(answer.body))
        for request in lent_requests(run).filter(stood_in__isnull=False):
            bodies[request.pk].append(ANSWER.validate_python((request.stood_in or {})["body"]))
        answered = {
            (_key(request.key), QUESTION.validate_python(request.question).model_dump_json()): bodies[
                request.pk
            ]
            for request in lent_requests(run)
        }
        return cls(calls, answered)

    def call(self, key: str, digest: str) -> Call | None:
        return self.calls.get((key, digest))

    def answers(self, key: str, question: Question) -> list[Answer] | None:
        return self.answered.get((key, question.model_dump_json()))


def _key(key: str) -> str:
    """Without the mark of what was asked otherwise under the same key (sheet.other_key)."""
    return key.partition("~")[0]
