"""A declared revision: the current candidate with earlier versions of some parameters, accepted by a person's word."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Max

from optimization.models import Candidate, Iteration, Revert, Run, Step
from optimization.runs.events import event_emit
from optimization.runs.people import name_of
from optimization.trainers.effects import TrainerState


def reverts_apply(run: Run, iteration: int, state: TrainerState) -> TrainerState:
    """`state` with what people want to have back. The caller holds the run's lock and its transaction.

    It becomes a Step of its own, the next revision of the iteration: what was accepted before stays as it was.
    """
    wanted = list(run.reverts.filter(step=None).select_related("version", "user").order_by("pk"))
    previous = Candidate.objects.get(run=run, key=state.candidate)
    versions = {version.name: version for version in previous.versions.all()}
    if all(versions.get(revert.version.name) == revert.version for revert in wanted):
        run.reverts.filter(pk__in=[revert.pk for revert in wanted]).delete()
        return state
    versions |= {revert.version.name: revert.version for revert in wanted}
    candidate = Candidate.objects.create(
        run=run,
        key=f"{iteration}.reverted.{wanted[-1].pk}",
        iteration=iteration,
        optimizer_state=previous.optimizer_state,
    )
    candidate.versions.set(versions.values())
    revision = run.steps.filter(iteration=iteration).aggregate(last=Max("revision"))["last"] or 0
    step = Step.objects.create(
        run=run,
        iteration=iteration,
        revision=revision + 1,
        candidate=candidate,
        previous=previous,
        optimizer_state=run.optimizer_state,
    )
    Revert.objects.filter(pk__in=[revert.pk for revert in wanted]).update(step=step)
    run.revision += 1
    run.save(update_fields=["revision"])
    _note(run, iteration, wanted)
    return state.model_copy(update={"candidate": candidate.key})


def _note(run: Run, iteration: int, wanted: Sequence[Revert]) -> None:
    words = "; ".join(
        f"{revert.version.name} back at version {revert.version.number}, by {name_of(revert.user)}"
        for revert in wanted
    )
    row = Iteration.objects.filter(run=run, number=iteration).first()
    if row is not None:
        row.note = "; ".join(part for part in (row.note, words) if part)[:200]
        row.save(update_fields=["note"])
    event_emit(run.pk, "reverted", {"iteration": iteration, "words": words})
