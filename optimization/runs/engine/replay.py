"""Resuming an algorithm: its generator is run again from the iteration's start with the results already journalled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optimization.models import Effect as EffectRow
from optimization.trainers.effects import Effect, TrainerState
from optimization.trainers.late import LATE_ANSWERS, late_iteration
from optimization.trainers.trainer import Algorithm, Trainer


class JournalMismatch(Exception):
    """The code asks for something else than what the journal holds: it has changed while the run waited."""


@dataclass(frozen=True)
class Pending:
    """The effects that the algorithm now waits for, the first of them at `ordinal`."""

    ordinal: int
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Ended:
    """The iteration is over; `state` is where the next one starts."""

    state: TrainerState


def replay(
    trainer: Algorithm,
    state: TrainerState,
    rows: Mapping[int, EffectRow],
    read_result: Callable[[Effect, Any], Any],
) -> Pending | Ended:
    """Run one iteration up to its first unanswered effects.

    `rows` is the iteration's journal by ordinal. Raises JournalMismatch where a row holds another effect than the
    one asked for.
    """
    if isinstance(trainer, Trainer) and LATE_ANSWERS in state.memory:
        generator = late_iteration(trainer, state)
    else:
        generator = trainer.iteration(state)
    ordinal = 0
    try:
        asked = next(generator)
        while True:
            effects = tuple(asked) if isinstance(asked, list) else (asked,)
            for offset, effect in enumerate(effects):
                _compare(effect, rows.get(ordinal + offset), ordinal + offset)
            done = [rows.get(ordinal + offset) for offset in range(len(effects))]
            if any(row is None or row.done_at is None for row in done):
                return Pending(ordinal, effects)
            results = [
                read_result(effect, row.result) for effect, row in zip(effects, done, strict=True) if row
            ]
            ordinal += len(effects)
            asked = generator.send(results if isinstance(asked, list) else results[0])
    except StopIteration as stop:
        return Ended(stop.value)


def _compare(effect: Effect, row: EffectRow | None, ordinal: int) -> None:
    if row is None or (row.kind == effect.kind and row.digest == effect.digest()):
        return
    asked = f"a {effect.kind}" if row.kind != effect.kind else f"a {effect.kind} with other arguments"
    raise JournalMismatch(
        f"Effect {ordinal} of this iteration was recorded as '{row.kind}', and the algorithm now asks for {asked}: its "
        "code has changed while the run waited. Nothing was applied. Restore the code that the run started with and "
        "press Retry, or begin the iteration anew: every call and answer that still fits is used again."
    )
