"""The run's state machine: every move is a conditional update with its reason in words."""

from __future__ import annotations

from django.db.models.functions import Now

from optimization.models import Activity, Run, RunState
from optimization.runs.events import event_emit

MOVES: dict[str, frozenset[str]] = {
    RunState.RUNNING: frozenset(
        {RunState.PAUSED, RunState.NEEDS_ATTENTION, RunState.CANCELLED, RunState.FINISHED}
    ),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.NEEDS_ATTENTION: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.CANCELLED: frozenset(),
    RunState.FINISHED: frozenset({RunState.RUNNING}),  # for one more step, from answers that came late
}


class Conflict(Exception):
    """What was asked does not fit the run's state. The message says what does."""


def run_move(run: Run, state: RunState, reason: str) -> bool:
    """Move the run, if it still is in a state from which that move is allowed; False if it is not."""
    allowed = [origin for origin, targets in MOVES.items() if state in targets]
    moved = Run.objects.filter(pk=run.pk, state__in=allowed).update(
        state=state,
        reason=reason,
        state_since=Now(),
        activity=Activity.NONE,
        **({"finished_at": Now()} if state in {RunState.FINISHED, RunState.CANCELLED} else {}),
    )
    if moved:
        run.refresh_from_db()
        event_emit(run.pk, "state", {"state": state, "reason": reason})
    return bool(moved)
