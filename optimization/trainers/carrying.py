"""Backward over a batch of outcomes: each one's feedback goes back along its tape to the parameters."""

from __future__ import annotations

from collections.abc import Sequence

from optimization.core import Value, ValueKind, current_registry
from optimization.core.values import TAPE_IDS
from optimization.optimizers import Optimizer
from optimization.optimizers.cases import joined
from optimization.trainers.effects import Outcome


async def carry_back(optimizer: Optimizer, outcomes: Sequence[Outcome], aggregate: bool) -> None:
    """Leave the outcomes' feedback, and nothing else, at the parameters of `optimizer`.

    With `aggregate`, the remarks are marked "ID [i]: " with their place in the batch and each parameter's texts are made
    one. An outcome without a tape, an example that raised, is told to every parameter: nobody knows which it concerns.
    Tapes are found in the current registry, and consumed.
    """
    optimizer.zero_feedback()
    losses = []
    for i, outcome in enumerate(outcomes):
        payload = marked(outcome.feedback, i) if aggregate else outcome.feedback
        if outcome.tape is None:
            _tell_all(optimizer, payload)
        elif payload:
            losses.append(
                Value(ValueKind.STRUCTURED, payload, meta={"score": outcome.score, TAPE_IDS: [outcome.tape]})
            )
        else:
            current_registry().release(outcome.tape)
    if losses:
        with optimizer.active():
            await Value.backward(losses)
    if aggregate:
        for parameter in optimizer.named_parameters().values():
            parameter.feedback[:] = filter(None, [joined(parameter.feedback)])


def marked(payload: list[list[str]], place: int) -> list[list[str]]:
    """The remarks with the place of their example in the batch."""
    return [[f"ID [{place}]: {remark}" for remark in group] for group in payload]


def _tell_all(optimizer: Optimizer, payload: list[list[str]]) -> None:
    for parameter in optimizer.named_parameters().values():
        for remark in (remark for group in payload for remark in group):
            parameter.accumulate("- " + remark.replace("\n", "\n  "))
