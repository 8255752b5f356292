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
    versions = {version.name: version for version in present.versions.all()}
    texts = {name: version.value for name, version in versions.items()} | dict(values)
    key, known = _key_for(effect, label, texts)
    if known is not None:
        return known
    candidate = Candidate.objects.create(
        run_id=effect.run_id,
        key=key,
        iteration=effect.iteration,
        optimizer_state=dict(optimizer_state or present.optimizer_state),
    )
    for name, value in values.items():
        versions[name] = _version(effect, versions[name], value, (told or {}).get(name, ()), origin)
    candidate.versions.set(versions.values())
    return candidate


def candidate_merge(*, effect: Effect, present: Candidate, take: Mapping[str, str]) -> Candidate:
    """`present` with some parameters' versions taken from other candidates, by parameter name and candidate key."""
    versions = {version.name: version for version in present.versions.all()}
    for name, taken in take.items():
        versions[name] = ParameterVersion.objects.get(
            candidates__run=effect.run_id, candidates__key=taken, name=name
        )
    key, known = _key_for(effect, "0", {name: version.value for name, version in versions.items()})
    if known is not None:
        return known
    merged = Candidate.objects.create(
        run_id=effect.run_id,
        key=key,
        iteration=effect.iteration,
        optimizer_state=present.optimizer_state,
    )
    merged.versions.set(versions.values())
    return merged


def _key_for(effect: Effect, label: str, texts: Mapping[str, str]) -> tuple[str, Candidate | None]:
    """A key that says where the candidate was made, and the candidate of these very texts that was made there before
    the iteration was begun anew, if there is one."""
    key = base = f"{effect.iteration}.{effect.ordinal}.{label}"
    number = 1
    while (known := Candidate.objects.filter(run=effect.run_id, key=key).first()) is not None:
        if dict(known.versions.values_list("name", "value")) == texts:
            return key, known
        number += 1
        key = f"{base}~{number}"
    return key, None


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
