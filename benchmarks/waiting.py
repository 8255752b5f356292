"""What waiting for people costs: from an answer to the step, and runs that wait, or have waited a thousand times."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.deployment import workers

if TYPE_CHECKING:
    from optimization.models import Run, Workspace

ITERATIONS, IDLE = 20, 10_000
RUBRIC = {
    "criteria": "Does the reply solve the customer's problem?",
    "rubric": [{"score": score, "label": str(score), "description": f"Level {score}"} for score in (1, 2, 3)],
}


def waiting(folder: Path, console: Console) -> None:
    table = Table(title="Waiting", show_lines=True)
    for heading in ("", "measured", "wanted"):
        table.add_column(heading)
    with console.status("answers and steps"):
        table.add_row(*_answer_to_step(folder))
    with console.status("iterations 10 and 1,000"):
        table.add_row(*_advance_late())
    with console.status(f"{IDLE:,} idle runs"):
        table.add_row(*_idle())
    console.print(table)


class People:
    """A workspace on the rehearsal endpoint, with an operator and an annotator."""

    def __init__(self, url: str) -> None:
        from optimization.accounts.services import member_add, workspace_create
        from optimization.catalog.shipped import shipped_datasets_register, shipped_programs_register
        from optimization.models import Endpoint, Role

        self.workspace: Workspace = workspace_create(name=f"people {uuid.uuid4().hex[:6]}")
        name = self.workspace.slug
        self.operator = member_add(workspace=self.workspace, username=f"o-{name}", role=Role.OPERATOR)[0].user
        self.annotator = member_add(workspace=self.workspace, username=f"a-{name}", role=Role.ANNOTATOR)[
            0
        ].user
        Endpoint.objects.create(
            workspace=self.workspace, name="default", base_url=url, model="rehearsal", is_rehearsal=True
        )
        shipped_programs_register(workspace=self.workspace)
        shipped_datasets_register(workspace=self.workspace)

    def launch(self, iterations: int) -> Run:
        from optimization.runs.config import RunConfig
        from optimization.runs.services import run_launch

        config = {
            "program": "support_reply",
            "dataset": "support-tickets",
            "trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": 3, "eval_frequency": 1000}},
            "loss": {"name": "HumanRubricLoss", "args": RUBRIC},
            "iterations": iterations,
        }
        return run_launch(
            workspace=self.workspace,
            user=self.operator,
            config=RunConfig.model_validate(config),
            name="A run",
        )

    def answer(self) -> bool:
        from optimization.feedback.services import answer_submit, claim_next

        claim = claim_next(workspace=self.workspace, user=self.annotator)
        if claim is None:
            return False
        body = {"kind": "rubric", "score": 1, "improvements": ["Name the order number"]}
        answer_submit(
            request=claim.request,
            user=self.annotator,
            fence=claim.fence,
            client_key=uuid.uuid4().hex,
            body=body,
            seconds=1.0,
        )
        return True


@contextmanager
def people() -> Iterator[People]:
    from optimization.rehearsal.endpoint import running

    with running() as url:
        yield People(url)


def _answer_to_step(folder: Path) -> tuple[str, str, str]:
    """Seconds from the last answer of an iteration to its backward and to its proposal being asked for."""
    from django.db.models import Max

    from optimization.models import Answer, Effect, RunState

    with people() as team, workers(folder):
        run = team.launch(ITERATIONS)
        while run.state == RunState.RUNNING:
            if not team.answer():
                time.sleep(0.02)
            run.refresh_from_db()
        assert run.state == RunState.FINISHED, run.reason
        last = dict(
            Answer.objects.filter(request__run=run)
            .values_list("request__iteration")
            .annotate(last=Max("created_at"))
        )
        found = {}
        for kind in ("backward", "propose"):
            begun = dict(Effect.objects.filter(run=run, kind=kind).values_list("iteration", "created_at"))
            waits = [(begun[one] - last[one]) / timedelta(seconds=1) for one in begun]
            found[kind] = (statistics.median(waits), statistics.quantiles(waits, n=20)[-1])
    said = "; ".join(f"to {kind}: median {mid:.2f} s, p95 {p95:.2f} s" for kind, (mid, p95) in found.items())
    return (
        f"From the last answer of an iteration ({ITERATIONS} of them)",
        said,
        "p95 under 1 s to the step's start",
    )


def _advance_late() -> tuple[str, str, str]:
    """`advance` at the start of an iteration with so many behind it, each as the engine leaves it."""

    with people() as team:
        runs = {number: team.launch(2000) for number in (10, 1000)}
        for number, run in runs.items():
            _live_through(run, number)
        rounds = [{number: _into_iteration(run, number) for number, run in runs.items()} for _ in range(60)]
    taken = {number: statistics.median(one[number] for one in rounds) for number in runs}
    said = ", ".join(f"{ms:.1f} ms at iteration {number:,}" for number, ms in taken.items())
    return (
        "`advance`, into a new iteration",
        f"{said}: x {statistics.median(one[1000] / one[10] for one in rounds):.2f}",
        "the same",
    )


def _into_iteration(run: Run, number: int) -> float:
    """Milliseconds of `advance` from the iteration's start; what an earlier time has written is taken away first."""
    from optimization.models import Effect, Iteration
    from optimization.runs.engine.advance import advance

    Effect.objects.filter(run=run, iteration=number).delete()
    Iteration.objects.filter(run=run, number=number).delete()
    return _milliseconds(lambda: advance(run.pk))


def _live_through(run: Run, iterations: int) -> None:
    """Rows of the iterations before: effects with done items, questions and answers, a step each."""
    from django.db.models.functions import Now

    from optimization.models import Answer, Candidate, Effect, FeedbackRequest, Iteration, Run, Step, WorkItem

    initial = Candidate.objects.get(run=run, key="initial")
    user = run.created_by
    for begin in range(0, iterations, 100):
        span = range(begin, min(begin + 100, iterations))
        Iteration.objects.bulk_create(
            Iteration(run=run, number=n, state=run.trainer_state, started_at=Now(), finished_at=Now())
            for n in span
        )
        effects = Effect.objects.bulk_create(
            Effect(run=run, iteration=n, ordinal=o, kind=kind, digest="x", result=None, done_at=Now())
            for n in span
            for o, kind in enumerate(("forward", "backward", "propose", "commit"))
        )
        items = WorkItem.objects.bulk_create(
            WorkItem(run=run, effect=effect, index=i, queue="llm", kind="forward", state="done", due_at=Now())
            for effect in effects[::4]
            for i in range(3)
        )
        requests = FeedbackRequest.objects.bulk_create(
            FeedbackRequest(
                workspace=run.workspace,
                run=run,
                item=item,
                key=f"past {item.pk}",
                iteration=item.effect.iteration,
                kind="rubric",
                question={},
                state="answered",
                taken=1,
            )
            for item in items
        )
        Answer.objects.bulk_create(
            Answer(request=request, user=user, client_key=f"{request.pk}", body={}) for request in requests
        )
        Step.objects.bulk_create(
            Step(run=run, iteration=n, candidate=initial, previous=initial) for n in span
        )
    Run.objects.filter(pk=run.pk).update(
        iteration=iterations, trainer_state={**run.trainer_state, "iteration": iterations}
    )


def _idle() -> tuple[str, str, str]:
    """The sweeper's round, memory and connections, without and with runs that wait for people."""
    from django.db import connection

    from optimization.models import Run
    from workers.sweeper import sweep

    def look() -> tuple[float, float, int, int]:
        rounds = [_milliseconds(sweep) for _ in range(9)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            connections = cursor.fetchone()[0]
        process = psutil.Process()
        return (
            statistics.median(rounds),
            process.memory_info().rss / 1e6,
            connections,
            len(process.children(True)),
        )

    with people() as team:
        model = team.launch(1)
        Run.objects.update(state="finished")
        before = look()
        _wait_for_people(model)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        after = look()
    said = (
        f"processes {before[3]} and {after[3]}, connections {before[2]} and {after[2]}, a round of the sweeper "
        f"{before[0]:.0f} and {after[0]:.0f} ms, memory of its process {before[1]:.0f} and {after[1]:.0f} MB"
    )
    return f"No run waiting and {IDLE:,}", said, "no process, no connection, no memory"


def _wait_for_people(model: Run) -> None:
    """So many runs like the model, each with one question that nobody has answered."""
    from optimization.models import Activity, Effect, FeedbackRequest, Run, WorkItem

    fields = {
        field.attname: getattr(model, field.attname)
        for field in Run._meta.concrete_fields
        if field.attname != "id"
    }
    fields |= {"state": "running", "activity": Activity.PEOPLE}
    work = {"index": 0, "queue": "llm", "kind": "forward", "state": "waiting", "due_at": model.state_since}
    asked = {"key": "q", "iteration": 0, "kind": "rubric", "question": {}}
    for _ in range(IDLE // 500):
        runs = Run.objects.bulk_create(Run(**fields) for _ in range(500))
        effects = Effect.objects.bulk_create(
            Effect(run=run, iteration=0, ordinal=0, kind="forward", digest="x") for run in runs
        )
        items = WorkItem.objects.bulk_create(
            WorkItem(run=effect.run, effect=effect, **work) for effect in effects
        )
        FeedbackRequest.objects.bulk_create(
            FeedbackRequest(workspace=model.workspace, run=item.run, item=item, **asked) for item in items
        )


def _milliseconds(deed: Callable[[], object]) -> float:
    began = time.perf_counter()
    deed()
    return (time.perf_counter() - began) * 1000
