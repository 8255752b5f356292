"""Late answers as an operator sees them: how many wait, and one more step of a finished run that counts them."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from optimization.models import Run, RunKind, RunState
from optimization.runs.engine.late import late_waiting
from optimization.runs.events import event_emit
from optimization.runs.people import name_of
from optimization.runs.signals import run_due
from optimization.runs.states import Conflict, run_move
from optimization.runs.words import counted
from optimization.trainers.late import LATE_ANSWERS


def late_answers(run: Run) -> int:
    """Answers that came late, or were changed late, and that no step has counted yet."""
    return late_waiting(run).values("answer").distinct().order_by().count()


@transaction.atomic
def run_take_late(*, run: Run, user: User) -> Run:
    """One more step of a finished run, from its late answers alone. Raises Conflict."""
    run = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.state != RunState.FINISHED or run.kind != RunKind.PROMPTS:
        raise Conflict(
            f"“{run.name}” is {run.get_state_display().lower()}: what comes late to a run under way is counted by its next "
            "step without a word."
        )
    number = late_answers(run)
    if not number:
        raise Conflict(f"No answer came late to “{run.name}” that it has not counted.")
    run.trainer_state = {
        **run.trainer_state,
        "memory": {**run.trainer_state.get("memory", {}), LATE_ANSWERS: True},
    }
    run.finished_at = None
    run.save(update_fields=["trainer_state", "finished_at"])
    event_emit(run.pk, "take_late", {"answers": number, "by": name_of(user)})
    reason = f"{name_of(user)} has {counted(number, 'late answer')} taken into one more step."
    run_move(run, RunState.RUNNING, reason)
    transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    return run
