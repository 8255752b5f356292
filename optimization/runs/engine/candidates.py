"""Candidates: full sets of parameter values, each made of immutable versions and known to the trainer by its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from optimization.models import Candidate, Effect, Origin, ParameterVersion


def candidate_create(
    *,
    effect: Effect,
    label: str,
    present: Candidate,
    values: Mapping[str, str],
    told: Mapping[str, Sequence[str]] | None = None,
    optimizer_state: Mapping[str, Any] | None = None,
    origin: Origin = Origin.OPTIMIZER,
) -> Candidate:
    """`present` with new values for some parameters, each a new version that remembers what its writer was `told`."""
    candidate = Candidate.objects.create(
        run_id=effect.run_id,
        key=f"{effect.iteration}.{effect.ordinal}.{label}",
        iteration=effect.iteration,
        optimizer_state=dict(optimizer_state or present.optimizer_state),
    )
    versions = {version.name: version for version in present.versions.all()}
    for name, value in values.items():
        versions[name] = _version(effect, versions[name], value, (told or {}).get(name, ()), origin)
    candidate.versions.set(versions.values())
    return candidate


def candidate_merge(*, effect: Effect, present: Candidate, take: Mapping[str, str]) -> Candidate:
    """`present` with some parameters' versions taken from other candidates, by parameter name and candidate key."""
    merged = Candidate.objects.create(
        run_id=effect.run_id,
        key=f"{effect.iteration}.{effect.ordinal}.0",
        iteration=effect.iteration,
        optimizer_state=present.optimizer_state,
    )
    versions = {version.name: version for version in present.versions.all()}
    for name, key in take.items():
        versions[name] = ParameterVersion.objects.get(
            candidates__run=effect.run_id, candidates__key=key, name=name
        )
    merged.versions.set(versions.values())
    return merged


def changed_parameters(before: Candidate, after: Candidate) -> list[str]:
    """Names of the parameters whose version differs."""
    old = set(before.versions.values_list("pk", flat=True))
    return sorted(
        ParameterVersion.objects.filter(candidates=after).exclude(pk__in=old).values_list("name", flat=True)
    )


def _version(
    effect: Effect, parent: ParameterVersion, value: str, told: Sequence[str], origin: Origin
) -> ParameterVersion:
    siblings = ParameterVersion.objects.filter(run=effect.run_id, name=parent.name)
    return ParameterVersion.objects.create(
        run_id=effect.run_id,
        name=parent.name,
        number=max(parent.number, siblings.aggregate(last=Max("number"))["last"] or 0) + 1,
        value=value,
        description=parent.description,
        origin=origin,
        parent=parent,
        iteration=effect.iteration,
        feedback=list(told),
    )
