"""A policy's iteration begun anew, whatever of it was done already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from optimization.models import Checkpoint, PolicyStep, Run, RunState
from optimization.runs.engine.advance import advance
from optimization.runs.replays import run_replay
from optimization.runs.services import run_pause, run_restart
from workers.drive import IN_FLIGHT, drive
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_step_that_was_taken_is_taken_back_and_taken_anew(
    launch: Callable[..., Run], play: Callable[[Run], Run], operator: User, process: Process
) -> None:
    run = launch(iterations=2)
    advance(run.pk)
    while not PolicyStep.objects.filter(run=run).exists():
        process.runner.run(drive(run.pk, ("rollout", "train"), process, 1))
        process.runner.run(drive(run.pk, ("reward",), process, IN_FLIGHT))
        advance(run.pk)
    first = Path(Checkpoint.objects.get(run=run).path)
    weights = (first / "model.safetensors").read_bytes()
    run_pause(run=run, user=operator)
    run.refresh_from_db()

    play(run_restart(run=run, user=operator))

    run.refresh_from_db()
    assert (run.state, run.iteration) == (RunState.FINISHED, 2), run.reason
    assert list(PolicyStep.objects.filter(run=run).values_list("iteration", flat=True)) == [0, 1]
    again = Path(Checkpoint.objects.get(run=run, key="step-1").path)
    assert not first.exists()
    assert (again / "model.safetensors").read_bytes() == weights
    assert run_replay(run).equal
