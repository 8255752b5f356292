"""The Celery tasks. Each names a run, looks at its rows and does what it finds; delivered twice, it finds nothing."""

from __future__ import annotations

from celery import Task, shared_task
from django.conf import settings

from optimization.models import Run
from optimization.runs.engine.advance import advance as advance_run
from optimization.runs.engine.leases import due
from optimization.runs.replays import run_replay, verdict_note
from optimization.runs.work.away import DATABASE_AWAY
from workers.drive import IN_FLIGHT, drive
from workers.nudges import nudge_run, nudge_work
from workers.process import current_process
from workers.pulse import REPLAYING, Life
from workers.stopping import told_to_stop
from workers.sweeper import sweep as sweep_once


@shared_task
def advance(run_id: int) -> None:
    """Bring the run as far as its rows allow, then ask for workers for what is due."""
    advance_run(run_id)
    nudge_work(run_id)


@shared_task
def forward(run_id: int) -> None:
    """Run examples through the program and its judge."""
    _work(run_id, "forward", "evaluate")


@shared_task
def backward(run_id: int) -> None:
    """Carry feedback back through the tapes."""
    _work(run_id, "backward")


@shared_task
def step(run_id: int) -> None:
    """Let the optimizer write its proposals."""
    _work(run_id, "propose")


@shared_task
def reward(run_id: int) -> None:
    """Have a policy's rollouts scored."""
    _work(run_id, "reward")


@shared_task(soft_time_limit=settings.LONGEST_TASK_SECONDS - 60, time_limit=settings.LONGEST_TASK_SECONDS)
def train_policy(run_id: int) -> None:
    """Sample a policy's rollouts and take its steps, one job at a time, each in a child process."""
    _work(run_id, "rollout", "train", at_once=1)


@shared_task
def replay(run_id: int) -> None:
    """Replay a run from what it has stored; the verdict is one of its events."""
    _replay(run_id)


@shared_task(soft_time_limit=settings.LONGEST_TASK_SECONDS - 60, time_limit=settings.LONGEST_TASK_SECONDS)
def replay_policy(run_id: int) -> None:
    """The same of a policy's run, where its jobs are: its steps are taken again."""
    _replay(run_id)


def _replay(run_id: int) -> None:
    """A verdict that was given already is not given again."""
    run, life = Run.objects.get(pk=run_id), Life(REPLAYING.format(run_id))
    if run.replay_asked_at is None:
        return
    try:
        run_replay(run, after_each=life.renew)
    except DATABASE_AWAY:
        raise
    except Exception as error:
        verdict_note(run, equal=False, words=f"The replay could not be made: {error}")
        raise
    finally:
        life.end()


@shared_task
def pulse() -> None:
    """Shows the supervisor that this worker still consumes its queue."""
    Life().renew()


@shared_task
def sweep() -> None:
    """The sweeper's second place: beat sends this every few seconds."""
    sweep_once()


TASK_OF_KIND: dict[str, Task[[int], None]] = {
    "forward": forward,
    "evaluate": forward,
    "backward": backward,
    "propose": step,
    "reward": reward,
    "rollout": train_policy,
    "train": train_policy,
}


def _work(run_id: int, *kinds: str, at_once: int = IN_FLIGHT) -> None:
    """Carry out what is due; a nudge that others have forestalled ends here, and asks nobody for more."""
    if told_to_stop() or not due(kinds=kinds, run_id=run_id).exists():
        return
    process, life = current_process(), Life(f"{kinds[0]} of run {run_id}")
    try:
        process.runner.run(drive(run_id, kinds, process, at_once, life))
    finally:
        life.end()
    nudge_run(run_id)
