"""Replay of a whole run from its stored calls and answers, and a policy's rollouts: nothing is called, nobody is asked, nothing is written.

1. Each iteration's algorithm is run again from its stored state: it must ask for what the journal holds, effect by effect,
   and end in the state that the next iteration began with, save where a person declared a revision.
2. Each finished work item is done once more, by the very code that did it, with every stored call and answer before it.
   What it makes must be what is stored: outputs, scores and feedback, the texts carried back, and every proposed value
   byte by byte. So the next item starts from the same data, and the whole follows step by step.
3. What a person wrote, what a policy sampled, and an item that was given up, is an input: it is taken as stored. A
   policy's steps are taken again on it, and come to the same weights (runs.policy.replaying).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction

from optimization.llm.messages import Completion, CompletionRequest
from optimization.llm.scope import Suspended, current_scope
from optimization.models import (
    Answer,
    Call,
    Candidate,
    Iteration,
    RolloutGroup,
    Run,
    RunEvent,
    RunKind,
    WorkItem,
    WorkState,
)
from optimization.models import Effect as EffectRow
from optimization.runs.engine.pins import drift
from optimization.runs.engine.replay import JournalMismatch
from optimization.runs.engine.trainers import trainer_for
from optimization.runs.events import event_emit
from optimization.runs.fork import optimizer_state_at
from optimization.runs.policy.replaying import StepAgain, StepsReplay
from optimization.runs.policy.settling import RewardedNow
from optimization.runs.retrace import plain, retrace
from optimization.runs.states import Conflict
from optimization.runs.words import counted
from optimization.runs.work.bench import Bench
from optimization.runs.work.carry_out import WORK
from optimization.runs.work.proposals import FinishProposals
from optimization.runs.work.settling import Finish
from optimization.runs.work.sheet import Sheet, at_work
from optimization.runs.work.writer import Operation, Writer
from optimization.trainers.trainer import Algorithm

AT_ONCE = 128
# What these did is an input of all that follows.
SAMPLING = frozenset({"rollout"})
MOST_SAID = 5


class NotStored(Exception):
    """The replay needs something that the run has not stored."""


@dataclass
class Replayed:
    """What a replay found. `differences` are sentences; none means that everything came out as it is stored.

    `values` are proposed texts, or a policy's checkpoints, that came out with the `bytes` that they are stored with.
    """

    run: Run
    rollouts: int = 0
    iterations: int = 0
    items: int = 0
    calls: int = 0
    answers: int = 0
    values: int = 0
    bytes: int = 0
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not self.differences

    @property
    def words(self) -> str:
        """The verdict, whole."""
        policy = self.run.kind == RunKind.POLICY
        sampled = f"{counted(self.rollouts, 'stored rollout')}, " if policy else ""
        read = (
            f"Replayed {counted(self.iterations, 'iteration')} from {sampled}{counted(self.calls, 'stored call')} and "
            f"{counted(self.answers, 'answer')}: nothing was called, and nobody was asked."
        )
        if self.equal:
            values = counted(self.values, "checkpoint" if policy else "proposed value")
            none = "no weights were compared" if policy else "no prompt was rewritten"
            verdict = (
                f"All {values} came out byte-equal to what is stored ({self.bytes:,} bytes)."
                if self.values
                else f"Everything came out as it is stored; {none}."
            )
        else:
            more = len(self.differences) - MOST_SAID
            verdict = " ".join(["It came out otherwise.", *self.differences[:MOST_SAID]])
            verdict += f" And {counted(more, 'further difference')}." if more > 0 else ""
        return " ".join([read, verdict, *self.notes])


def run_replay(run: Run, after_each: Callable[[], None] = lambda: None) -> Replayed:
    """Replay the run and note the verdict among its events, where its page and REST find it. Raises Conflict."""
    if problem := not_replayable(run):
        raise Conflict(problem)
    found = asyncio.run(replayed(run.pk, after_each))
    verdict_note(run, equal=found.equal, words=found.words)
    return found


@transaction.atomic
def verdict_note(run: Run, *, equal: bool, words: str) -> None:
    Run.objects.filter(pk=run.pk).update(replay_asked_at=None)
    event_emit(run.pk, "replayed", {"equal": equal, "words": words})


def not_replayable(run: Run) -> str:
    """Why a run cannot be replayed; empty if it can."""
    if not run.effects.exists():
        return f"“{run.name}” has done nothing yet: there is nothing to replay."
    return ""


def last_replay(run: Run) -> RunEvent | None:
    """The verdict of the run's last replay: `equal` and `words` in its payload."""
    return run.events.filter(kind="replayed").order_by("-seq").first()


async def replayed(run_id: int, after_each: Callable[[], None] = lambda: None) -> Replayed:
    """Replay the run; it is left as it is. `after_each` is called after each of its effects, in a thread of its own."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay") as reader:
        bench = await _PastBench.opened(run_id, reader)
        try:
            return await _Replay(bench, after_each).all()
        finally:
            await bench.close()


class _NoModels:
    """Resources that have nothing but what is stored."""

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        raise NotStored(f"the call {current_scope().key()} is not stored")


class _PastBench(Bench):
    """A bench at which an item is done again: its calls are those that are stored, and no operation is applied."""

    @classmethod
    async def opened(cls, run_id: int, reader: ThreadPoolExecutor) -> _PastBench:
        def read() -> Run:
            return Run.objects.select_related("program_version__program", "dataset_version").get(pk=run_id)

        run = await asyncio.get_running_loop().run_in_executor(reader, read)
        return cls(run, _NoModels(), Writer(), reader)

    def sheets(self, ids: Sequence[int]) -> list[Sheet]:
        """The items as one more attempt would find them, with all that is stored of them."""
        items = list(WorkItem.objects.filter(pk__in=ids).select_related("effect").order_by("index"))
        for item in items:
            item.fence += 1  # in memory alone
        return self.laid_out(items)

    def stand_at(self, iteration: Iteration) -> None:
        """As the run stood when the iteration began, in memory."""
        self.run.optimizer_state = optimizer_state_at(self.run, iteration.number)
        self.current_candidate = iteration.state["candidate"]


class _Replay:
    """One replay under way."""

    def __init__(self, bench: _PastBench, after_each: Callable[[], None]) -> None:
        self.after_each = after_each
        self.bench = bench
        self.run = bench.run
        self.found = Replayed(bench.run)
        self.steps = StepsReplay(bench.run.pk, after_each)
        self.work: dict[str, Callable[[Sheet, Bench], Awaitable[Operation | StepAgain]]] = {
            **{kind: work for kind, work in WORK.items() if kind not in SAMPLING},
            "train": self.steps.step,
        }

    async def all(self) -> Replayed:
        try:
            return await self._all()
        finally:
            self.steps.end()

    async def _all(self) -> Replayed:
        read, found = self.bench.read, self.found
        trainer, iterations, changed = await read(self._beginning)
        if changed:
            found.notes.append(changed.partition(" Nothing was applied")[0])
        for iteration in iterations:
            await read(partial(self.bench.stand_at, iteration))
            rows = await read(partial(self._rows, iteration))
            for row in rows:
                await self._effect(row)
                await read(self.after_each)
            await read(partial(self._algorithm, trainer, iteration))
            found.iterations += 1
        found.calls, found.answers = await read(self._counts)
        return found

    def _beginning(self) -> tuple[Algorithm, list[Iteration], str]:
        return trainer_for(self.run), list(self.run.iterations.order_by("number")), drift(self.run)

    def _rows(self, iteration: Iteration) -> list[EffectRow]:
        return list(self.run.effects.filter(iteration=iteration.number).order_by("ordinal"))

    def _counts(self) -> tuple[int, int]:
        calls = Call.objects.filter(run=self.run, item__isnull=False).count()
        return calls, Answer.objects.filter(request__run=self.run).count()

    # -- the items -------------------------------------------------------------------------------------------

    async def _effect(self, row: EffectRow) -> None:
        """Do the effect's finished items once more, some at a time."""
        if row.kind in SAMPLING and row.result:
            self.found.rollouts += row.result["rollouts"]
        if row.kind not in self.work:
            return
        ids = await self.bench.read(
            lambda: list(row.work.filter(state=WorkState.DONE).order_by("index").values_list("pk", flat=True))
        )
        for start in range(0, len(ids), AT_ONCE):
            sheets = await self.bench.read(partial(self.bench.sheets, ids[start : start + AT_ONCE]))
            await asyncio.gather(*(self._item(sheet) for sheet in sheets))

    async def _item(self, sheet: Sheet) -> None:
        self.found.items += 1
        try:
            with at_work(sheet, self.bench.resources, self.bench.config.people.colleague):
                done = await self.work[sheet.item.kind](sheet, self.bench)
        except Suspended as waits:
            self._differs(sheet, f"the answers to the question {waits.key} are not stored")
        except NotStored as missing:
            self._differs(sheet, str(missing))
        except JournalMismatch as mismatch:
            self._differs(sheet, str(mismatch).partition(":")[0])
        except Exception as error:
            self._differs(sheet, f"it raised {type(error).__name__}: {error}")
        else:
            for what in await self.bench.read(lambda: list(self._compared(sheet.item, done))):
                self._differs(sheet, what)

    def _compared(self, item: WorkItem, done: Operation | StepAgain) -> Iterator[str]:
        if isinstance(done, FinishProposals):
            yield from self._proposals(item, done)
        elif isinstance(done, StepAgain):
            yield from self._step(done)
        elif isinstance(done, RewardedNow):
            yield from _rewards(done)
        elif isinstance(done, Finish) and _bare(done.result) != _bare(item.result):
            yield "its result is not the one that is stored"

    def _step(self, done: StepAgain) -> Iterator[str]:
        self.found.values += done.checkpoints
        self.found.bytes += done.bytes
        if done.note and done.note not in self.found.notes:
            self.found.notes.append(done.note)
        if done.problem:
            yield done.problem.removesuffix(".")

    def _proposals(self, item: WorkItem, done: FinishProposals) -> Iterator[str]:
        """Each proposed value against the version that was written then, byte by byte."""
        stored = {one["candidate"]: one for one in item.result or ()}
        if len(stored) != len(done.written):
            yield f"it made {counted(len(done.written), 'proposal')} and {len(stored)} are stored"
            return
        for written, (key, proposal) in zip(done.written, stored.items(), strict=True):
            candidate = Candidate.objects.get(run=self.run, key=key)
            values = dict(candidate.versions.values_list("name", "value"))
            if sorted(written.values) != sorted(proposal["changed"]):
                yield f"its proposal {key} changes other parameters"
            for name, value in written.values.items():
                self.found.values += 1
                self.found.bytes += len(value.encode())
                if value.encode() != values.get(name, "").encode():
                    yield f"the value of {name} in its proposal {key} has other bytes"
            if plain(written.optimizer_state) != candidate.optimizer_state:
                yield f"its proposal {key} leaves the optimizer in another state"

    def _differs(self, sheet: Sheet, what: str) -> None:
        place = sheet.item.payload
        of = f" of example {place['example'] + 1} ({place['split']})" if "split" in place else ""
        number = sheet.item.effect.iteration + 1
        self.found.differences.append(f"Iteration {number}, {sheet.item.kind}{of}: {what}.")

    def _algorithm(self, trainer: Algorithm, iteration: Iteration) -> None:
        traced = retrace(self.run, trainer, iteration)
        self.found.differences += traced.problems
        self.found.notes += traced.notes


def _rewards(done: RewardedNow) -> Iterator[str]:
    """The rewards of a group, and what was said of its completions, against what was trained on."""
    group = RolloutGroup.objects.get(pk=done.group)
    if list(done.rewards) != group.rewards:
        yield f"group {group.index + 1} is rewarded otherwise than it is stored"
    elif plain(done.verdicts) != group.verdicts:
        yield f"what is said of group {group.index + 1} is not what is stored"


def _bare(result: Any) -> Any:
    """A result without the ids of its tapes, which are drawn anew in each pass."""
    outcomes = result if isinstance(result, list) else [result]
    return [
        {name: value for name, value in plain(outcome).items() if name != "tape"} if outcome else outcome
        for outcome in outcomes
    ]
