"""A model judge as a colleague of the people: asked the same question, believed where it agrees with itself.

1. The question goes to the judge in several samples; `sure` is the share that gives the verdict of most.
2. Where it is sure its answer stands, but for a share of the questions, drawn by their key, that people answer as well:
   by these the two are compared (feedback.quality). What it is unsure of goes to people.
3. Its calls are in the journal as all others are, so that a retry or a replay comes to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from optimization.core.concurrency import concurrently
from optimization.feedback.quality.verdicts import verdict_of
from optimization.llm.messages import Resources
from optimization.llm.scope import current_scope, scoped
from optimization.losses.questions import Answer, Question
from optimization.losses.standing_in import answered_by_model
from optimization.models import Opinion, WorkItem
from optimization.runs.config import Colleague


@dataclass(frozen=True)
class Formed:
    """What the judge said; `decided`: the run reads it, and nobody is asked."""

    answer: Answer
    model: str
    samples: int
    sure: float
    decided: bool


async def opinion_of(question: Question, resources: Resources, colleague: Colleague, key: str) -> Formed:
    async def sample(number: int) -> tuple[Answer, str]:
        with scoped(node=f"{current_scope().node}.colleague{number}"):
            return await answered_by_model(question, resources)

    said = await concurrently(sample(number) for number in range(colleague.samples))
    counted = Counter(verdict_of(answer) for answer, _ in said)
    verdict, most = counted.most_common(1)[0]
    answer, model = next((answer, model) for answer, model in said if verdict_of(answer) == verdict)
    sure = most / len(said)
    decided = sure >= colleague.sure and _drawn(key) >= colleague.audit
    return Formed(answer, model, len(said), sure, decided)


def _drawn(key: str) -> float:
    """A number 0..1 that is the question's own."""
    return int.from_bytes(sha256(f"{key}/audit".encode()).digest()[:8], "big") / 2**64


@dataclass(frozen=True)
class SaveOpinions:
    """Keep what the judge said to an item's questions; said again, it is kept once."""

    item: WorkItem
    formed: dict[str, Formed]

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        rows = [
            Opinion(
                workspace_id=operation.item.run.workspace_id,
                run_id=operation.item.run_id,
                key=key,
                kind=one.answer.kind,
                model=one.model,
                body=one.answer.model_dump(mode="json"),
                samples=one.samples,
                sure=one.sure,
                decided=one.decided,
            )
            for operation in batch
            for key, one in operation.formed.items()
        ]
        Opinion.objects.bulk_create(rows, ignore_conflicts=True)
        return [True] * len(batch)
