"""Going back to an earlier version of a parameter: a declared revision, and never a change of what was."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from optimization.models import ParameterVersion, Revert, Run, RunState
from optimization.runs.changes import current_parameters
from optimization.runs.engine.reverts import reverts_apply
from optimization.runs.people import name_of
from optimization.runs.signals import run_due
from optimization.runs.states import Conflict
from optimization.trainers import TRAINERS
from optimization.trainers.effects import TrainerState

OVER = frozenset({RunState.FINISHED, RunState.CANCELLED})


def parameter_revert(*, run: Run, user: User, version: ParameterVersion, reason: str = "") -> Revert:
    """Make `version` the parameter's current one again: at once, or when the iteration under way is over.

    A later word on the same parameter takes the place of one that has not been carried out. Raises Conflict.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
        waiting = run.reverts.filter(step=None, version__name=version.name)
        if version.pk in {current.pk for current in current_parameters(run)} and not waiting.exists():
            raise Conflict(f"Version {version.number} of {version.name} is the one in use.")
        name = run.config["trainer"]["name"]
        if run.state not in OVER and TRAINERS[name].keeps_pool:
            raise Conflict(
                f"{name} chooses among all its candidates by their scores, and would not keep this one. Fork the run from "
                "the iteration whose prompts you want, or go back once it is over."
            )
        waiting.delete()
        revert = Revert.objects.create(run=run, version=version, user=user, reason=reason.strip()[:400])
        if not _under_way(run):
            _apply_now(run)
            transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    revert = Revert.objects.filter(pk=revert.pk).select_related("version", "user", "step").first() or revert
    return revert


def reverts_waiting(run: Run) -> list[str]:
    """In words, what will be put back when the iteration is over."""
    waiting = run.reverts.filter(step=None).select_related("version", "user").order_by("pk")
    return [
        f"{revert.version.name} goes back to version {revert.version.number} when iteration {run.iteration + 1} is over, by "
        f"{name_of(revert.user)}."
        for revert in waiting
    ]


def revert_words(revert: Revert) -> str:
    """What has been done, or will be."""
    version = revert.version
    if revert.step is None:
        return (
            f"{version.name} goes back to version {version.number} when iteration {revert.run.iteration + 1} is over: what is "
            "under way was begun with the present one."
        )
    return f"{version.name} is back at version {version.number}. Nothing that was is changed: it is a step of its own."


def _under_way(run: Run) -> bool:
    """Whether the iteration has begun with the present candidate, and will go on."""
    return run.state not in OVER and run.effects.filter(iteration=run.iteration).exists()


def _apply_now(run: Run) -> None:
    begun = run.effects.filter(iteration=run.iteration).exists()
    state = TrainerState.model_validate(run.trainer_state)
    state = _standing(run, state)
    after = reverts_apply(run, run.iteration if begun else max(run.iteration - 1, 0), state)
    run.trainer_state = after.model_dump(mode="json")
    run.save(update_fields=["trainer_state"])


def _standing(run: Run, state: TrainerState) -> TrainerState:
    """A run that was cancelled after a step stands at that step's candidate."""
    last = run.steps.order_by("-iteration", "-revision").select_related("candidate").first()
    if last is None or last.iteration < run.iteration:
        return state
    return state.model_copy(update={"candidate": last.candidate.key})
