"""The past of a policy's runs: what a fork takes over of its parent, and what is taken back of an iteration begun anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from optimization.models import Checkpoint, PolicyStep, RolloutSource, Run
from optimization.runs.checks import ForkRefused, LaunchError
from optimization.runs.policy.launch import OFF, policy_trainer
from optimization.runs.policy.storage import folder_let_go
from optimization.trainers.effects import TrainerState
from optimization.trainers.plan import PlanError


def state_forked(run: Run, state: Mapping[str, Any]) -> dict[str, Any]:
    """The state that a fork begins with. Raises LaunchError where the weights that it names were removed."""
    if settings.POLICIES == "off":
        raise LaunchError([OFF])
    try:
        begun = policy_trainer(run).forked(TrainerState.model_validate(state))
    except PlanError as error:
        raise LaunchError([(f"/trainer/args{pointer}", words) for pointer, words in error.errors]) from error
    if begun.candidate != "initial":
        checkpoint_to_share(run, begun.candidate)
    return begun.model_dump(mode="json")


def checkpoint_to_share(run: Run, key: str) -> Checkpoint:
    """The checkpoint, locked, so that no pruning takes it away before it is shared. Raises LaunchError."""
    found = Checkpoint.objects.select_for_update().get(run=run, key=key)
    if found.removed_at is None:
        return found
    kept = Checkpoint.objects.filter(run=run, removed_at=None).order_by("step").values_list("step", flat=True)
    words = (
        f"The weights after step {found.step} were removed: a run keeps its latest checkpoints and its best. "
        f"“{run.name}” can be forked where it begins, or after step {', '.join(map(str, kept)) or 'none'}."
    )
    raise ForkRefused([("/iteration", words)])


def policy_past_share(run: Run, fork: Run) -> None:
    """The fork's sources, and the weights that it begins with: the very folder, which stays as long as one needs it."""
    RolloutSource.objects.bulk_create(
        RolloutSource(run=fork, index=one.index, name=one.name, dataset_version_id=one.dataset_version_id)
        for one in RolloutSource.objects.filter(run=run)
    )
    key = fork.trainer_state["candidate"]
    if key != "initial":
        shared = checkpoint_to_share(run, key)
        Checkpoint.objects.create(
            run=fork,
            key=key,
            step=shared.step,
            iteration=shared.iteration,
            path=shared.path,
            size=shared.size,
        )


def step_take_back(run: Run) -> None:
    """The step that the running iteration has taken goes, with its weights, and is taken anew.

    No fork shares these: one begins with the weights that an iteration began with.
    """
    PolicyStep.objects.filter(run=run, iteration=run.iteration).delete()
    for checkpoint in Checkpoint.objects.filter(run=run, iteration=run.iteration + 1):
        checkpoint.delete()
        transaction.on_commit(partial(folder_let_go, checkpoint.path))


def lineage_of(run: Run, checkpoint: str) -> Iterator[Run]:
    """The run, and those that it was forked from as far back as they had this checkpoint."""
    at: Run | None = run
    while at is not None:
        yield at
        shared = checkpoint == "initial" or Checkpoint.objects.filter(
            run=at, key=checkpoint, iteration__lte=at.forked_at or 0
        )
        at = at.parent if shared else None
