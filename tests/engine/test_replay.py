"""Replay: an iteration resumed from stored results, and refused where the code asks for something else."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from django.utils import timezone

from optimization.models import Effect as Row
from optimization.runs.engine.expansion import read_result, write_result
from optimization.runs.engine.replay import Ended, JournalMismatch, Pending, replay
from optimization.trainers import Trainer
from optimization.trainers.effects import (
    Commit,
    Committed,
    Effect,
    Evaluate,
    Evaluation,
    Forward,
    Outcome,
    TrainerState,
)


class TwoCandidates(Trainer):
    """Runs two examples, scores two candidates side by side and keeps the better one."""

    examples: tuple[int, ...] = (0, 1)

    def iteration(self, state: TrainerState) -> Generator[Effect | list[Effect], Any, TrainerState]:
        outcomes = yield Forward(candidate=state.candidate, examples=self.examples)
        assert isinstance(outcomes[0], Outcome)
        first, second = yield [Evaluate(candidate=name, examples=(0,)) for name in ("a", "b")]
        best = max((first, second), key=lambda evaluation: evaluation.mean)
        yield Commit(candidate=best.candidate)
        return state.model_copy(update={"candidate": best.candidate, "iteration": state.iteration + 1})


FORWARD = Forward(candidate="initial", examples=(0, 1))
OUTCOMES = (Outcome(example=0, score=0.5), Outcome(example=1, score=1.0))


def row(ordinal: int, effect: Effect, result: Any = None) -> Row:
    stored = None if result is None else write_result(effect, result)
    done_at = None if result is None else timezone.now()
    return Row(ordinal=ordinal, kind=effect.kind, digest=effect.digest(), result=stored, done_at=done_at)


def journal(*rows: Row) -> dict[int, Row]:
    return {one.ordinal: one for one in rows}


def resume(rows: dict[int, Row], trainer: Trainer | None = None) -> Pending | Ended:
    return replay(trainer or TwoCandidates(), TrainerState(), rows, read_result)


def test_an_empty_journal_asks_for_the_first_effect() -> None:
    assert resume({}) == Pending(0, (FORWARD,))


def test_an_effect_that_is_not_done_is_asked_for_again() -> None:
    assert resume(journal(row(0, FORWARD))) == Pending(0, (FORWARD,))


def test_a_list_of_effects_is_carried_out_together() -> None:
    found = resume(journal(row(0, FORWARD, OUTCOMES)))

    assert isinstance(found, Pending)
    assert (found.ordinal, [effect.candidate for effect in found.effects]) == (1, ["a", "b"])


def test_the_generator_ends_with_the_state_of_the_next_iteration() -> None:
    a, b = (Evaluate(candidate=name, examples=(0,)) for name in ("a", "b"))
    found = resume(
        journal(
            row(0, FORWARD, OUTCOMES),
            row(1, a, Evaluation(candidate="a", mean=0.25)),
            row(2, b, Evaluation(candidate="b", mean=0.75)),
            row(3, Commit(candidate="b"), Committed(candidate="b")),
        )
    )

    assert isinstance(found, Ended)
    assert (found.state.candidate, found.state.iteration) == ("b", 1)


def test_replaying_is_harmless_any_number_of_times() -> None:
    rows = journal(row(0, FORWARD, OUTCOMES))

    assert [resume(rows) for _ in range(3)] == [resume(rows)] * 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (Commit(candidate="initial"), "recorded as 'commit'"),
        (Forward(candidate="initial", examples=(7,)), "arguments"),
    ],
)
def test_code_that_asks_for_something_else_is_refused_in_words(changed: Effect, said: str) -> None:
    with pytest.raises(JournalMismatch, match=said):
        resume(journal(row(0, changed)))
