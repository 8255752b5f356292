"""An iteration's algorithm held against its journal: it must ask for what is recorded, and end where the run went on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimization.models import Effect as EffectRow
from optimization.models import Iteration, Run
from optimization.runs.engine.expansion import gather, read_result, write_result
from optimization.runs.engine.replay import Ended, JournalMismatch, Pending, replay
from optimization.trainers.effects import Commit, Effect, TrainerState
from optimization.trainers.late import LATE_ANSWERS
from optimization.trainers.trainer import Algorithm

FROM_ITEMS = frozenset({"forward", "evaluate", "backward", "propose"})


@dataclass
class Retraced:
    """Sentences: what does not fit, and what is worth knowing."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def retrace(run: Run, trainer: Algorithm, iteration: Iteration) -> Retraced:
    """Run the algorithm again over the iteration's stored results; nothing is carried out and nothing written."""
    found, name = Retraced(), iteration.number + 1
    rows = list(run.effects.filter(iteration=iteration.number).order_by("ordinal"))
    state = TrainerState.model_validate(iteration.state)
    try:
        end = replay(trainer, state, {row.ordinal: row for row in rows}, _reading(run, rows, found))
    except JournalMismatch as mismatch:
        found.problems.append(f"Iteration {name}: {mismatch}")
        return found
    if isinstance(end, Ended):
        _compare_end(run, iteration, end, found)
    elif isinstance(end, Pending) and iteration.finished_at is not None:
        found.problems.append(f"Iteration {name} is over, and its journal lacks effect {end.ordinal}.")
    else:
        found.notes.append(f"Iteration {name} is not over: it was replayed as far as it has come.")
    return found


def plain(value: Any) -> Any:
    """As the database gives it back."""
    return json.loads(json.dumps(value))


def _reading(run: Run, rows: Sequence[EffectRow], found: Retraced) -> Callable[[Effect, Any], Any]:
    """Reads the results one after the other, as the algorithm does, and holds each against what it was made of."""
    following = iter(rows)

    def read(effect: Effect, stored: Any) -> Any:
        row = next(following)
        if problem := _unlike(run, effect, row):
            found.problems.append(f"Iteration {row.iteration + 1}, {row.kind}: {problem}.")
        return read_result(effect, stored)

    return read


def _unlike(run: Run, effect: Effect, row: EffectRow) -> str:
    if isinstance(effect, Commit):
        steps = run.steps.filter(iteration=row.iteration, candidate__key=effect.candidate)
        return "" if steps.exists() else f"there is no step that accepts {effect.candidate}"
    if row.kind not in FROM_ITEMS:
        return ""
    made = write_result(effect, gather(effect, list(row.work.filter(late=False).order_by("index"))))
    return "" if plain(made) == row.result else "its result is not what its work items hold"


def _compare_end(run: Run, iteration: Iteration, end: Ended, found: Retraced) -> None:
    after = run.iterations.filter(number=iteration.number + 1).first()
    name = iteration.number + 1
    if after is None and run.iteration != name:
        found.problems.append(f"Iteration {name} ends, and the run does not know of it.")
        return
    stored = TrainerState.model_validate(after.state if after else run.trainer_state).model_dump(mode="json")
    # That an iteration is one of late answers alone was decided after the one before it had ended.
    stored["memory"].pop(LATE_ANSWERS, None)
    ended = end.state.model_dump(mode="json")
    if ended == stored:
        return
    declared = run.steps.filter(iteration=iteration.number, reverts__isnull=False).last()
    if declared and ended | {"candidate": declared.candidate.key} == stored:
        found.notes.append(f"After iteration {name} a person declared a revision, which was taken as stored.")
    else:
        found.problems.append(f"Iteration {name} ends in another state than the one that is stored.")
