"""What operators do with runs. Each service is one transaction and says in words why it cannot be done."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from optimization.feedback.services import requests_withdraw
from optimization.models import Run, RunState, WorkItem, WorkState
from optimization.runs.checks import ForkRefused, LaunchError
from optimization.runs.engine.deadlines import deadlines_resume
from optimization.runs.events import event_emit
from optimization.runs.fork import run_fork
from optimization.runs.late import run_take_late
from optimization.runs.launch import run_launch
from optimization.runs.people import name_of
from optimization.runs.policy.launch import policy_launch
from optimization.runs.replays import not_replayable
from optimization.runs.restart import run_restart
from optimization.runs.reverts import parameter_revert
from optimization.runs.reviews import EditRefused, proposal_decide
from optimization.runs.signals import replay_wanted, run_due
from optimization.runs.states import Conflict, run_move
from optimization.runs.stuck import calls_set_aside, item_mend, question_mend
from optimization.runs.without import run_without

__all__ = [
    "Conflict",
    "EditRefused",
    "ForkRefused",
    "LaunchError",
    "item_mend",
    "parameter_revert",
    "policy_launch",
    "proposal_decide",
    "question_mend",
    "run_cancel",
    "run_fork",
    "run_launch",
    "run_pause",
    "run_replay_ask",
    "run_restart",
    "run_resume",
    "run_retry",
    "run_set_budget",
    "run_take_late",
    "run_without",
]


def run_pause(*, run: Run, user: User) -> Run:
    """No new work is taken; calls in flight end and are stored; questions stay open and answers are kept."""
    return _move(
        run, RunState.PAUSED, f"Paused by {name_of(user)}. Answers are kept; Resume goes on where it stands."
    )


def run_resume(*, run: Run, user: User) -> Run:
    if run.state != RunState.PAUSED:
        raise Conflict(
            f"“{run.name}” is {run.get_state_display().lower()}: only a paused run can be resumed."
        )
    with transaction.atomic():
        deadlines_resume(run)
        return _move(run, RunState.RUNNING, f"Resumed by {name_of(user)}.")


def run_retry(*, run: Run, user: User) -> Run:
    """Try again what has failed, with the counts of errors cleared.

    The replies that failed work was built on are asked for again, and stay on the bill, unless people have judged what
    was made of them; everything else stored is used.
    """
    if run.state != RunState.NEEDS_ATTENTION:
        raise Conflict(f"“{run.name}” is {run.get_state_display().lower()}: there is nothing to retry.")
    with transaction.atomic():
        failed = WorkItem.objects.filter(
            run=run,
            effect__iteration=run.iteration,
            effect__done_at=None,
            state=WorkState.FAILED,
            result__isnull=True,
        )
        calls_set_aside(failed)
        failed.update(state=WorkState.DUE, done_at=None)
        WorkItem.objects.filter(run=run, state=WorkState.DUE).update(
            errors=0, losses=0, lone_losses=0, due_at=Now()
        )
        deadlines_resume(run)
        return _move(run, RunState.RUNNING, f"Tried again by {name_of(user)}.")


def run_replay_ask(*, run: Run, user: User | None = None) -> Run:
    """Have a worker replay the run; the verdict will be one of its events. Nothing of its past is changed."""
    if problem := not_replayable(run):
        raise Conflict(problem)
    Run.objects.filter(pk=run.pk).update(replay_asked_at=Now())
    transaction.on_commit(partial(replay_wanted.send, sender=Run, run_id=run.pk))
    return run


def run_set_budget(*, run: Run, user: User, budget: Decimal | None) -> Run:
    """Another budget in US dollars, or none; in force for the next call."""
    if budget is not None and budget <= 0:
        raise Conflict("A budget is more than 0 dollars. Leave it empty for none.")
    changed = Run.objects.filter(
        pk=run.pk, state__in=[RunState.RUNNING, RunState.PAUSED, RunState.NEEDS_ATTENTION]
    )
    if not changed.update(budget=budget):
        raise Conflict(f"“{run.name}” is {run.get_state_display().lower()}: it spends nothing any more.")
    run.refresh_from_db()
    event_emit(run.pk, "budget", {"budget": None if budget is None else str(budget), "by": name_of(user)})
    return run


def run_cancel(*, run: Run, user: User) -> Run:
    """For good: open questions are withdrawn; answers still under way are stored, thanked for and not used."""
    with transaction.atomic():
        moved = _move(run, RunState.CANCELLED, f"Cancelled by {name_of(user)}.")
        requests_withdraw(run=run)
        return moved


def _move(run: Run, state: RunState, reason: str) -> Run:
    with transaction.atomic():
        if not run_move(run, state, reason):
            run.refresh_from_db()
            now, wanted = run.get_state_display().lower(), RunState(state).label.lower()
            raise Conflict(
                f"“{run.name}” is {now} already."
                if now == wanted
                else f"“{run.name}” is {now} and cannot become {wanted}."
            )
        transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    return run
