"""The driver for a notebook, a script or a test: every effect is carried out at once, in this process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from statistics import fmean, stdev
from typing import Any

from optimization.core import Module, no_grad
from optimization.core.concurrency import concurrently
from optimization.llm.scope import scoped
from optimization.optimizers import Optimizer
from optimization.trainers.carrying import carry_back
from optimization.trainers.effects import (
    Approval,
    Approve,
    Backward,
    Commit,
    Committed,
    Effect,
    Evaluate,
    Evaluation,
    Forward,
    Merge,
    Outcome,
    Proposal,
    Propose,
    Split,
    TrainerState,
)
from optimization.trainers.events import Callback, Event, EventKind
from optimization.trainers.guide import Judge, comparing, judged, judged_together
from optimization.trainers.tapes import releasing_tapes
from optimization.trainers.trainer import Trainer, threads

Dataset = Mapping[str, Any]
Values = dict[str, str]
Approver = Callable[[Values, Values], Any | Awaitable[Any]]


class Driver:
    """Carries out effects on one agent. Candidates are kept as parameter values by id; "initial" are the agent's own.

    The agent holds the current candidate's values, save while another one is being run. `approver(before, after)`,
    plain or async, says True, False, or gives edited values; without it everything is approved.
    """

    def __init__(
        self,
        agent: Module,
        optimizer: Optimizer | None,
        datasets: Mapping[Split, Dataset],
        guides: Mapping[Split, Judge],
        *,
        num_threads: int | None = None,
        callbacks: tuple[Callback, ...] = (),
        approver: Approver | None = None,
    ) -> None:
        self.agent = agent
        self.optimizer = optimizer
        self.datasets = datasets
        self.guides = guides
        self.candidates: dict[str, Values] = {"initial": agent.state_dict()}
        self.current = "initial"
        self.revision = 0
        self.place = (0, 0)
        self._slots = nullcontext() if num_threads is None else asyncio.Semaphore(threads(num_threads))
        self._callbacks = callbacks
        self._approver = approver

    async def run(self, trainer: Trainer, state: TrainerState) -> TrainerState:
        """One iteration of the trainer; the state for the next."""
        with releasing_tapes():
            return await self._run(trainer, state)

    async def _run(self, trainer: Trainer, state: TrainerState) -> TrainerState:
        steps = trainer.iteration(state)
        ordinal, answer = 0, None
        try:
            while True:
                asked = steps.send(answer)
                effects = asked if isinstance(asked, list) else [asked]
                results = []
                for effect in effects:
                    self.place = (state.iteration, ordinal)
                    with scoped(iteration=state.iteration, effect=ordinal):
                        results.append(await self.carry_out(effect))
                    ordinal += 1
                answer = results if isinstance(asked, list) else results[0]
        except StopIteration as end:
            ended: TrainerState = end.value
            return ended
        finally:
            steps.close()

    async def carry_out(self, effect: Effect) -> Any:
        """The effect's result, as effects.py documents it."""
        self.tell(EventKind.EFFECT_BEGUN, effect=effect, examples=_outputs(effect))
        match effect:
            case Forward():
                result: Any = await self._judge(effect, "train")
            case Evaluate():
                with no_grad():
                    result = evaluation(effect.candidate, await self._judge(effect, effect.guide))
            case Backward():
                await carry_back(self.trained, effect.outcomes, effect.aggregate)
                result = None
            case Propose():
                result = await self._propose(effect)
            case Merge():
                result = self._merge(effect)
            case Approve():
                result = await self._approve(effect.proposal)
            case Commit():
                result = self._commit(effect.candidate)
            case _:
                raise TypeError(f"The in-process driver cannot carry out {type(effect).__name__}.")
        self.tell(EventKind.EFFECT_DONE, effect=effect, result=result)
        return result

    def tell(self, kind: EventKind, **data: Any) -> None:
        for callback in self._callbacks:
            callback(Event(kind, self.place[0], data))

    @property
    def trained(self) -> Optimizer:
        if self.optimizer is None:
            raise RuntimeError(
                "The trainer has no optimizer: give it one, Trainer(agent, optimizer), to train."
            )
        return self.optimizer

    async def _judge(self, effect: Forward | Evaluate, guide: Split) -> tuple[Outcome, ...]:
        data, judge = self.datasets[effect.split], self.guides[guide]
        loss = comparing(effect, judge)

        async def judge_one(example: int, sample: int) -> tuple[Outcome, ...]:
            x, info = data["inputs"][example], data["infos"][example]
            async with self._slots:
                with scoped(example=f"{effect.split}-{example}", sample=sample):
                    if loss is not None:
                        outcomes = await judged_together(
                            self.agent, x, loss, info, example=example, samples=effect.samples
                        )
                    else:
                        alone = await judged(self.agent, x, judge, info, example=example, sample=sample)
                        outcomes = (alone,)
            for outcome in outcomes:
                self.tell(EventKind.EXAMPLE_DONE, effect=effect, outcome=outcome)
            return outcomes

        with self._as(effect.candidate), scoped(candidate=effect.candidate, phase=effect.kind):
            samples = range(1 if loss is not None else effect.samples)
            judged_ones = await concurrently(
                judge_one(example, sample) for example in effect.examples for sample in samples
            )
            return tuple(outcome for outcomes in judged_ones for outcome in outcomes)

    async def _propose(self, effect: Propose) -> tuple[Proposal, ...]:
        if not self.trained.records:  # every example raised: there is no pass to learn from
            return tuple(self._keep(str(i), effect.candidate, {}) for i in range(effect.n))
        with self._as(effect.candidate), scoped(candidate=effect.candidate):
            proposals = await self.trained.propose(effect.n)
        names = self._agent_names()
        return tuple(
            self._keep(str(i), effect.candidate, {names[name]: value for name, value in proposal.items()})
            for i, proposal in enumerate(proposals)
        )

    def _merge(self, effect: Merge) -> Proposal:
        taken = {name: self.candidates[other][name] for name, other in effect.take}
        return self._keep("0", effect.candidate, taken)

    async def _approve(self, proposal: Proposal) -> Approval:
        before, after = self.candidates[self.current], self.candidates[proposal.candidate]
        said = True if self._approver is None else self._approver(dict(before), dict(after))
        if inspect.isawaitable(said):
            said = await said
        if isinstance(said, Mapping):
            edited = self._keep("edited", proposal.candidate, checked_edit(said, after))
            return Approval(decision="edited", candidate=edited.candidate)
        if not isinstance(said, bool):
            raise TypeError(
                f"An approver says True, False, or gives edited values by parameter name; it gave {said!r}."
            )
        return Approval(decision="approved" if said else "rejected", candidate=proposal.candidate)

    def _commit(self, candidate: str) -> Committed:
        present, values = self.candidates[self.current], self.candidates[candidate]
        names = {theirs: ours for ours, theirs in self._agent_names().items()}
        self.trained.apply({names[name]: value for name, value in values.items() if value != present[name]})
        self.current = candidate
        self.revision += 1
        return Committed(candidate=candidate, revision=self.revision)

    def _keep(self, label: str, origin: str, changes: Values) -> Proposal:
        """A candidate that is `origin` with changes, under an id that says where in the run it was made."""
        values = self.candidates[origin]
        changed = tuple(sorted(name for name, value in changes.items() if value != values[name]))
        candidate = f"{self.place[0]}.{self.place[1]}.{label}"
        self.candidates[candidate] = values | changes
        return Proposal(candidate=candidate, changed=changed)

    def _agent_names(self) -> dict[str, str]:
        """The agent's name of each of the optimizer's parameters."""
        ours = {id(parameter): name for name, parameter in self.agent.named_parameters()}
        return {name: ours[id(p)] for name, p in self.trained.named_parameters().items() if id(p) in ours}

    @contextmanager
    def _as(self, candidate: str) -> Iterator[None]:
        """The agent with a candidate's values; the current one's come back whatever happens."""
        if candidate == self.current:
            yield
            return
        self.agent.load_state_dict(self.candidates[candidate])
        try:
            yield
        finally:
            self.agent.load_state_dict(self.candidates[self.current])


def checked_edit(edit: Mapping[str, Any], values: Values) -> Values:
    """A person's edit, if it is text for parameters that there are; KeyError or TypeError otherwise."""
    for name, value in edit.items():
        if name not in values:
            raise KeyError(f"The edit names the parameter {name!r}. There are: {', '.join(values)}.")
        if not isinstance(value, str):
            raise TypeError(
                f"The edited value of parameter {name!r} must be text, not {type(value).__name__}."
            )
    return dict(edit)


def evaluation(candidate: str, outcomes: tuple[Outcome, ...]) -> Evaluation:
    """The outcomes with their mean and its standard error."""
    scores = [outcome.score for outcome in outcomes if outcome.score is not None]
    return Evaluation(
        candidate=candidate,
        outcomes=outcomes,
        mean=fmean(scores) if scores else None,
        stderr=stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else (0.0 if scores else None),
    )


def _outputs(effect: Effect) -> int:
    return len(effect.examples) * effect.samples if isinstance(effect, Forward | Evaluate) else 0
