"""Beginning the running iteration anew, with the code as it is now: nothing that was paid for or answered is lost.

1. The iteration's journal goes: its effects and work items. Calls, questions with their answers, and decisions on
   proposals stay, each under the key of its place.
2. The run is pinned to the code as it is, and stands where the iteration began.
3. What the code now asks under the same key with the same words is answered from what is stored; where it asks something
   else, both are kept. A step that was taken already stays too: the new one is its declared revision. A policy's is
   taken back, with the weights that it made.
"""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from optimization.models import (
    Answer,
    Iteration,
    LateReading,
    Run,
    RunKind,
    RunState,
    WorkItem,
    WorkState,
)
from optimization.runs.engine.deadlines import deadlines_resume
from optimization.runs.engine.pins import STATE_SCHEMA, pins_now
from optimization.runs.events import event_emit
from optimization.runs.fork import optimizer_state_at
from optimization.runs.people import name_of
from optimization.runs.policy.past import step_take_back
from optimization.runs.signals import run_due
from optimization.runs.states import Conflict, run_move

STOPPED = (RunState.NEEDS_ATTENTION, RunState.PAUSED)


@transaction.atomic
def run_restart(*, run: Run, user: User) -> Run:
    """Begin the iteration of a stopped run anew. Raises Conflict."""
    run = Run.objects.select_for_update(of=("self",)).select_related("program_version").get(pk=run.pk)
    _check(run)
    run.effects.filter(iteration=run.iteration).delete()
    Iteration.objects.filter(run=run, number=run.iteration).update(train_score=None, changed=[], note="")
    if run.kind == RunKind.POLICY:
        step_take_back(run)
    _newest_counts(run)
    deadlines_resume(run)
    run.pins = pins_now(run)
    run.restarted = run.iteration
    run.optimizer_state = optimizer_state_at(run, run.iteration)
    run.save(update_fields=["pins", "restarted", "optimizer_state"])
    event_emit(run.pk, "restart", {"iteration": run.iteration, "by": name_of(user)})
    run_move(run, RunState.RUNNING, f"Iteration {run.iteration + 1} was begun anew by {name_of(user)}.")
    transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    return run


def _check(run: Run) -> None:
    if run.state not in STOPPED:
        raise Conflict(
            f"“{run.name}” is {run.get_state_display().lower()}: an iteration is begun anew in a run that is paused or "
            "needs attention."
        )
    if run.pins.get("state_schema", STATE_SCHEMA) != STATE_SCHEMA:
        raise Conflict("The layout of the stored state has changed: restore the version, or launch it again.")
    if WorkItem.objects.filter(run=run, effect__iteration=run.iteration, state=WorkState.LEASED).exists():
        raise Conflict(
            "Calls of this iteration are still under way. They end and are stored within a minute; try again then."
        )


def _newest_counts(run: Run) -> None:
    """What was counted before counts no more: of an edited answer the newest version does."""
    answers = Answer.objects.filter(request__run=run, request__iteration=run.iteration)
    for answer in answers.filter(versions__late=True).distinct():
        answer.body = answer.versions.order_by("-number")[0].body
        answer.save(update_fields=["body"])
        answer.versions.update(late=False)
    answers.filter(late=True).update(late=False)
    LateReading.objects.filter(answer__in=answers).delete()
    # What had come late to earlier iterations, and was counted here, waits to be counted once more.
    LateReading.objects.filter(run=run, iteration=run.iteration).update(iteration=None)
