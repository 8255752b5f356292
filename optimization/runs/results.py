"""What a work item has left: the outcomes of its example."""

from __future__ import annotations

from optimization.models import WorkItem, WorkState
from optimization.trainers.effects import Outcome


def samples_of(item: WorkItem) -> list[int]:
    """The samples of its example that an item runs: one, or all of them where its judge compares them."""
    payload = item.payload
    return list(range(payload["samples"])) if "samples" in payload else [payload.get("sample", 0)]


def outcomes_of(item: WorkItem) -> list[Outcome]:
    """An outcome a sample, from a finished item; none from one that is under way."""
    if item.state == WorkState.FAILED and not item.result:
        example, error = item.payload["example"], item.last_error
        return [Outcome(example=example, sample=sample, error=error) for sample in samples_of(item)]
    stored = item.result if isinstance(item.result, list) else [item.result]
    return [Outcome.model_validate(outcome) for outcome in stored if outcome]
