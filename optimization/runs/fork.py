"""Forking: a run that begins where another one stood, and leaves that one as it is."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from optimization.models import Candidate, Iteration, Run, Score, Step
from optimization.runs.checks import ForkRefused, launch_check
from optimization.runs.config import RunConfig
from optimization.runs.engine.pins import pins_for, policy_pins
from optimization.runs.events import event_emit
from optimization.runs.kinds import config_of
from optimization.runs.policy.config import PolicyRunConfig
from optimization.runs.policy.past import policy_past_share, state_forked
from optimization.runs.signals import run_due


def run_fork(*, run: Run, user: User, iteration: int, name: str = "", iterations: int | None = None) -> Run:
    """A new run from the state that `run` was in at the start of `iteration`, counted from 0.

    It shares the parent's parameter versions, or a policy's weights, and copies neither. It is pinned to the code as it
    is now, and ends after `iterations` in all (the parent's number, or a later one where that has passed). Raises
    LaunchError.
    """
    config = config_of(run)
    config = config.model_copy(update={"iterations": iterations or max(config.iterations, iteration + 1)})
    if config.iterations <= iteration:
        raise ForkRefused(
            [
                (
                    "/iterations",
                    f"It begins with iteration {iteration + 1}: let it run for more than {iteration}.",
                )
            ]
        )
    with transaction.atomic():
        state, pins = _begun(run, config, _state_at(run, iteration))
        fork = Run.objects.create(
            workspace=run.workspace,
            kind=run.kind,
            name=name or f"{run.name}, from iteration {iteration + 1}"[:160],
            program_version=run.program_version,
            dataset_version=run.dataset_version,
            config=config.model_dump(mode="json"),
            pins=pins,
            state_since=Now(),
            reason=f"Forked from “{run.name}” at iteration {iteration + 1}.",
            iteration=iteration,
            trainer_state=state,
            optimizer_state=optimizer_state_at(run, iteration),
            budget=config.budget,
            parent=run,
            forked_at=iteration,
            created_by=user,
        )
        if isinstance(config, RunConfig):
            _candidates_share(run, fork)
        else:
            policy_past_share(run, fork)
        _scores_share(run, fork)
        event_emit(fork.pk, "launched", {"parent": run.pk, "iteration": iteration})
        transaction.on_commit(partial(run_due.send, sender=Run, run_id=fork.pk))
    return Run.objects.get(pk=fork.pk)


def _begun(
    run: Run, config: RunConfig | PolicyRunConfig, state: dict[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """What a fork begins with and what it is held to. Raises LaunchError."""
    if isinstance(config, RunConfig):
        launch_check(config, run.program, run.dataset_version)
        return state, pins_for(config, run.program)
    return state_forked(run, state), policy_pins(config)


def _state_at(run: Run, iteration: int) -> dict[str, object]:
    """The trainer's state at an iteration's start; that of the next one to come, too."""
    if iteration == run.iteration:
        return dict(run.trainer_state)
    found = Iteration.objects.filter(run=run, number=iteration).first()
    if found is None:
        words = f"“{run.name}” has no iteration {iteration + 1} to begin from (counted from 0: {iteration})."
        raise ForkRefused([("/iteration", words)])
    return dict(found.state)


def optimizer_state_at(run: Run, iteration: int) -> dict[str, object]:
    """As the last step before the iteration left it, of the run itself or of those that it was forked from."""
    before = Step.objects.filter(run=run, iteration__lt=iteration).order_by("-iteration", "-revision").first()
    if before is not None:
        return dict(before.optimizer_state)
    if run.parent is None or run.forked_at is None:
        return {}
    return optimizer_state_at(run.parent, min(iteration, run.forked_at))


def _candidates_share(run: Run, fork: Run) -> None:
    """The candidates that the state may name, under their keys, made of the parent's versions."""
    known = Q(iteration__lt=fork.iteration) | Q(key="initial")
    for candidate in Candidate.objects.filter(known, run=run).prefetch_related("versions"):
        shared = Candidate.objects.create(
            run=fork,
            key=candidate.key,
            iteration=candidate.iteration,
            optimizer_state=candidate.optimizer_state,
        )
        shared.versions.set(candidate.versions.all())


def _scores_share(run: Run, fork: Run) -> None:
    """The point of the curve at which the fork begins; what begins with the first iteration is scored by the fork."""
    if fork.iteration:
        Score.objects.bulk_create(
            Score(
                run=fork,
                position=score.position,
                split=score.split,
                candidate=score.candidate,
                mean=score.mean,
                stderr=score.stderr,
                count=score.count,
            )
            for score in Score.objects.filter(run=run, position=fork.iteration)
        )
