"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from optimization.models import Run
from optimization.runs.doctor import books, journal, queue, schema, texts, work
from optimization.runs.doctor.findings import Check, Finding

CHECKS: dict[str, Check] = {
    "the database holds every constraint, and nothing is there twice": schema.constraints,
    "a run that is over says when, and one that stopped says why": books.states,
    "events are numbered without gaps": books.events,
    "a run has spent what its calls cost, and no more than its budget": books.budgets,
    "iterations follow one another, and only the last is open": journal.iterations,
    "effects follow one another, and one that is done has no open work": journal.effects,
    "the journal is what the algorithm asks for, and its results are those of its work": journal.retraced,
    "each commit has its step, and each step its commit": journal.steps,
    "an answer is applied to steps of its own run, of its iteration or later": journal.applications,
    "leases are held by somebody, and swept when they have run out": work.leases,
    "a result was written under a lease, and stands": work.results,
    "every item that waits has something that it waits for": work.waiting,
    "due work is taken by somebody": work.untaken,
    "tapes that backward will need are there": work.tapes,
    "questions are closed by their answers, and none is open for a run that is over": queue.questions,
    "the places of a question are those of its claims and answers": queue.places,
    "a candidate has one version of each parameter, and the current one is known": texts.candidates,
}


@dataclass(frozen=True)
class Examination:
    """What was found in so many runs; `checks` names those that were made."""

    runs: int
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def left(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.mended)


def examine(runs: QuerySet[Run] | None = None, *, repair: bool = False) -> Examination:
    """Check every invariant of `runs` (all of them where None), and mend what is safe to mend where `repair`."""
    looked_at = Run.objects.all() if runs is None else runs
    findings = tuple(_found(looked_at, repair))
    return Examination(looked_at.count(), tuple(CHECKS), findings)


def _found(runs: QuerySet[Run], repair: bool) -> Iterator[Finding]:
    for check in CHECKS.values():
        for finding in list(check(runs)):
            if repair and finding.repair is not None:
                with transaction.atomic():
                    finding.mended = finding.repair() is not False
            yield finding
