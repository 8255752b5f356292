"""Candidates: full sets of parameter versions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db.models import QuerySet

from optimization.models import Candidate, Run, RunKind
from optimization.runs.doctor.findings import Finding


def candidates(runs: QuerySet[Run]) -> Iterator[Finding]:
    names: dict[int, Counter[str]] = defaultdict(Counter)
    through = Candidate.versions.through.objects.filter(candidate__run__in=runs)
    for key, name in through.values_list("candidate", "parameterversion__name"):
        names[key][name] += 1
    for run in runs.filter(kind=RunKind.PROMPTS):
        found = list(Candidate.objects.filter(run=run).order_by("pk"))
        whole = set(names[found[0].pk]) if found else set()
        for candidate in found:
            if problem := _problem(names[candidate.pk], whole):
                yield Finding(f"Its candidate {candidate.key} {problem}.", run)
        current = run.trainer_state.get("candidate", "initial")
        if current not in {candidate.key for candidate in found}:
            yield Finding(f"It stands at the candidate {current}, which is not there.", run)


def _problem(has: Counter[str], whole: set[str]) -> str:
    if missing := whole - set(has):
        return f"has no version of {', '.join(sorted(missing))}"
    if twice := [name for name, count in has.items() if count > 1]:
        return f"has two versions of {', '.join(sorted(twice))}"
    return ""
