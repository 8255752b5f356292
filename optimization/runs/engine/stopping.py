"""When a run ends before its iterations are over: the trainers' stoppers, asked at the end of an iteration."""

from __future__ import annotations

from django.db.models import Max, Min

from optimization.models import Run
from optimization.runs.config import RunConfig
from optimization.runs.kinds import config_of
from optimization.trainers.effects import TrainerState
from optimization.trainers.stoppers import Progress


def stopped(run: Run, state: TrainerState) -> str | None:
    """In words why a stopper of the run's configuration ends it, or None."""
    config = config_of(run)
    stoppers = config.stop.stoppers() if isinstance(config, RunConfig) else []
    if not stoppers:
        return None
    progress = progress_of(run, state)
    return next(filter(None, (stop(progress) for stop in stoppers)), None)


def progress_of(run: Run, state: TrainerState) -> Progress:
    """How far the run has come by itself, from where it was forked; seconds are the database's, from the first iteration's beginning to the last one's end."""
    done = run.iterations.filter(finished_at__isnull=False)
    took = done.aggregate(took=Max("finished_at") - Min("started_at"))["took"]
    tests = run.scores.filter(split="test", position__gt=run.forked_at or 0)
    return Progress(
        state,
        tuple(done.order_by("number").values_list("train_score", flat=True)),
        tuple(tests.order_by("position").values_list("mean", flat=True)),
        seconds=took.total_seconds() if took else 0.0,
    )
