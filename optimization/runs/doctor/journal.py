"""The journal: iterations, effects, steps, and the answers that steps used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from optimization.models import Application, Effect, Iteration, Run, RunEvent, Step, WorkItem, WorkState
from optimization.runs.doctor.findings import Finding
from optimization.runs.engine.pins import drift
from optimization.runs.engine.trainers import trainer_for
from optimization.runs.retrace import retrace
from optimization.runs.words import counted

OPEN = (WorkState.DUE, WorkState.LEASED, WorkState.WAITING)


def iterations(runs: QuerySet[Run]) -> Iterator[Finding]:
    numbers: dict[int, list[int]] = defaultdict(list)
    rows = Iteration.objects.filter(run__in=runs).order_by("run", "number")
    for run_id, number in rows.values_list("run", "number"):
        numbers[run_id].append(number)
    for run in runs:
        found, first = numbers[run.pk], run.forked_at or 0
        if found != list(range(first, first + len(found))):
            yield Finding(f"Its iterations are numbered {_shown(found)}: some are missing.", run)
        elif (found and found[-1] > run.iteration) or first + len(found) < run.iteration:
            yield Finding(
                f"It is at iteration {run.iteration + 1}, and {counted(len(found), 'row')} are there.", run
            )
    for row in rows.filter(number__lt=F("run__iteration"), finished_at=None).select_related("run"):
        yield Finding(f"Iteration {row.number + 1} lies behind it and is not over.", row.run)


def effects(runs: QuerySet[Run]) -> Iterator[Finding]:
    rows = Effect.objects.filter(run__in=runs).select_related("run").defer("result")
    ordinals: dict[tuple[int, int], list[Effect]] = defaultdict(list)
    for row in rows.order_by("run", "iteration", "ordinal"):
        ordinals[row.run_id, row.iteration].append(row)
    for (_, iteration), found in ordinals.items():
        if [row.ordinal for row in found] != list(range(len(found))):
            listed = _shown([row.ordinal for row in found])
            yield Finding(f"The effects of iteration {iteration + 1} are numbered {listed}.", found[0].run)
    open_work = WorkItem.objects.filter(effect=OuterRef("pk"), late=False, state__in=OPEN)
    for row in rows.filter(Exists(open_work), done_at__isnull=False):
        yield Finding(
            f"The {row.kind} of iteration {row.iteration + 1} is done, and work of it is open.", row.run
        )
    for row in rows.filter(iteration__lt=F("run__iteration"), done_at=None):
        yield Finding(f"The {row.kind} of iteration {row.iteration + 1} was left without a result.", row.run)


def retraced(runs: QuerySet[Run]) -> Iterator[Finding]:
    """Each algorithm over its journal, where its code is still the one that the run is pinned to."""
    for run in runs.select_related("program_version", "dataset_version"):
        try:
            if drift(run):
                continue
            trainer = trainer_for(run)
        except Exception as error:
            yield Finding(f"Its algorithm or program cannot be made any more: {error}", run)
            continue
        for iteration in run.iterations.order_by("number"):
            for problem in retrace(run, trainer, iteration).problems:
                yield Finding(problem, run)


def steps(runs: QuerySet[Run]) -> Iterator[Finding]:
    """The last step of an iteration that no person declared is the one that its journal commits.

    An iteration that was begun anew keeps the step that it had taken before.
    """
    committed: dict[tuple[int, int], Any] = {}
    commits = Effect.objects.filter(run__in=runs, kind="commit", done_at__isnull=False).order_by("ordinal")
    for run_id, iteration, result in commits.values_list("run", "iteration", "result"):
        committed[run_id, iteration] = (result or {}).get("candidate")
    taken = Step.objects.filter(run__in=runs, reverts=None).select_related("run", "candidate")
    anew = {
        (run_id, payload.get("iteration"))
        for run_id, payload in RunEvent.objects.filter(run__in=runs, kind="restart").values_list(
            "run", "payload"
        )
    }
    last: dict[tuple[int, int], Step] = {}
    for step in taken.order_by("revision"):
        last[step.run_id, step.iteration] = step
    for place, step in last.items():
        if place not in committed:
            if place in anew:
                continue
            yield Finding(
                f"The step of iteration {step.iteration + 1} has no commit in the journal.", step.run
            )
        elif committed[place] != step.candidate.key:
            yield Finding(
                f"The journal of iteration {step.iteration + 1} commits {committed[place]}, and its step accepts "
                f"{step.candidate.key}.",
                step.run,
            )
    by_id = {run.pk: run for run in runs}
    for run_id, iteration in committed.keys() - last.keys():
        yield Finding(
            f"The journal of iteration {iteration + 1} commits, and there is no step.", by_id[run_id]
        )


def applications(runs: QuerySet[Run]) -> Iterator[Finding]:
    """A fork may use its forebears' answers; nothing uses an answer before it was asked for."""
    rows = Application.objects.filter(step__run__in=runs).select_related("step__run", "answer__request")
    foreign = ~Q(answer__request__run=F("step__run")) & Q(step__run__parent=None)
    early = Q(answer__request__iteration__gt=F("step__iteration"))
    for row in rows.filter(foreign | early):
        yield Finding(
            f"The step of iteration {row.step.iteration + 1} is said to use answer {row.answer_id}, which is of "
            f"iteration {row.answer.request.iteration + 1} of run {row.answer.request.run_id}.",
            row.step.run,
        )


def _shown(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers[:12]))
    return f"{listed}, …" if len(numbers) > 12 else listed
