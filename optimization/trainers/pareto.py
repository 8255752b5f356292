"""ParetoSearch: a pool of candidates, each the best on some example (after GEPA, Agrawal et al. 2025).

1. A parent is drawn from the Pareto front, the likelier the more examples it is best on.
2. It runs on a batch; the failures are carried back; the optimizer writes one proposal.
3. A proposal better on that batch is judged on the whole validation set and joins the pool.
4. Every few iterations two of the front are merged instead: each parameter is taken from the one that changed it.
5. The candidate with the best mean on the validation set is the current one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

from pydantic import BaseModel, Field

from optimization.trainers.batches import next_batch
from optimization.trainers.effects import (
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
from optimization.trainers.plan import Plan
from optimization.trainers.trainer import Steps, Trainer

ROOT = "initial"


class ParetoPlan(Plan):
    num_epochs: int | None = Field(
        None, ge=1, description="Passes over the training set; null for no such end."
    )
    batch_size: int = Field(3, ge=1, description="Training examples that a proposal is written from.")
    max_metric_calls: int = Field(500, ge=1, description="Outputs judged before the search ends.")
    merge_frequency: int = Field(
        4, ge=0, description="Every so many iterations two candidates are merged; 0: never."
    )
    perfect_score: float = Field(1.0, description="An output with this score is no failure to learn from.")


class Member(BaseModel):
    """A candidate of the pool: its scores by validation example, which candidate wrote each parameter, and its forebears."""

    candidate: str
    scores: list[float | None]
    writers: dict[str, str] = {}
    forebears: list[str] = []

    @property
    def mean(self) -> float:
        known = [score for score in self.scores if score is not None]
        return sum(known) / len(known) if known else float("-inf")

    def score(self, example: int) -> float:
        found = self.scores[example]
        return float("-inf") if found is None else found


class ParetoSearch(Trainer):
    """Keeps what is best on some example, learns from failures, and merges two that are good at different things.

    `memory` holds the pool, the metric calls spent, the merges tried, and what a person has turned down.
    """

    Plan: ClassVar[type[Plan]] = ParetoPlan
    keeps_pool: ClassVar[bool] = True
    plan: ParetoPlan

    def iteration(self, state: TrainerState) -> Steps[TrainerState]:
        if state.iteration == 0:
            state = yield from self.tested(state, 0)
            state = yield from self.joined(state, ROOT)
        pool = pool_of(state)
        pair = self.pair(state, pool) if self._merges(state) else None
        if pair is not None:
            state = yield from self.merged(state, *pair)
        else:
            state = yield from self.reflected(state, draw(pool, state))
        state = yield from self.best_committed(state)
        state = state.model_copy(update={"iteration": state.iteration + 1})
        return (yield from self.tested(state, state.iteration))

    @property
    def decides_by(self) -> frozenset[Split]:
        return frozenset({"train", "validate"})

    def finished(self, state: TrainerState) -> str | None:
        spent = state.memory.get("metric_calls", 0)
        if spent >= self.plan.max_metric_calls:
            return f"Finished: {spent} outputs have been judged, of {self.plan.max_metric_calls} at most."
        return super().finished(state)

    def reflected(self, state: TrainerState, parent: Member) -> Steps[TrainerState]:
        """A proposal from the parent's failures on a batch; it joins the pool if it is better on that batch."""
        batch, after = next_batch(state, self.sizes["train"], self.plan.batch_size)
        judged = yield Forward(candidate=parent.candidate, examples=batch, samples=self.plan.num_samples)
        outcomes = self.settled(judged)
        state = spent(after.model_copy(update={"score": self.mean(outcomes)}), judged)
        failures = tuple(o for o in outcomes if o.score is None or o.score < self.plan.perfect_score)
        if not (yield from self.optimized(parent.candidate, failures, aggregate=True)):
            return state
        proposals: tuple[Proposal, ...] = yield Propose(candidate=parent.candidate)
        proposal = proposals[0]
        if not proposal.changed:
            return state
        again: Evaluation = yield Evaluate(
            candidate=proposal.candidate,
            examples=batch,
            split="train",
            samples=self.plan.num_samples,
            guide="train",
        )
        state = spent(state, again.outcomes)
        if self.standing(again.outcomes) <= self.standing(outcomes):
            return state
        writers = parent.writers | dict.fromkeys(proposal.changed, proposal.candidate)
        return (yield from self.joined(state, proposal.candidate, writers, [parent]))

    def merged(self, state: TrainerState, first: Member, second: Member) -> Steps[TrainerState]:
        """Two members made one; it joins the pool and shows there what it is worth."""
        writers = merged_writers(first, second)
        state = remembered(state, tried=[*state.memory.get("tried", ()), sorted(writers.items())])
        take = tuple(
            (name, second.candidate)
            for name, writer in sorted(writers.items())
            if writer != first.writers.get(name, ROOT)
        )
        proposal: Proposal = yield Merge(candidate=first.candidate, take=take)
        return (yield from self.joined(state, proposal.candidate, writers, [first, second]))

    def joined(
        self,
        state: TrainerState,
        candidate: str,
        writers: dict[str, str] | None = None,
        parents: Sequence[Member] = (),
    ) -> Steps[TrainerState]:
        """Judge a candidate on the whole validation set and add it to the pool. ValueError without any score."""
        split: Split = "validate" if self.sizes.get("validate") else "train"
        examples = tuple(range(self.sizes[split]))
        found: Evaluation = yield Evaluate(
            candidate=candidate,
            examples=examples,
            split=split,
            samples=self.plan.num_eval_samples,
            guide="validate",
        )
        self.standing(found.outcomes)
        by_example = [self.mean(o for o in found.outcomes if o.example == example) for example in examples]
        forebears = dict.fromkeys(
            name for parent in parents for name in (*parent.forebears, parent.candidate)
        )
        member = Member(
            candidate=candidate, scores=by_example, writers=writers or {}, forebears=list(forebears)
        )
        pool = [*state.memory.get("pool", ()), member.model_dump()]
        return spent(remembered(state, pool=pool), found.outcomes)

    def best_committed(self, state: TrainerState) -> Steps[TrainerState]:
        """Make the member with the best mean current; the incumbent wins a tie.

        What a person turned down is not proposed again, and what a person made of it joins the pool.
        """
        rejected: list[str] = state.memory.get("rejected", [])
        pool = [member for member in pool_of(state) if member.candidate not in rejected]
        best = max(pool, key=lambda member: (member.mean, member.candidate == state.candidate))
        current = next(member for member in pool if member.candidate == state.candidate)
        if best is current:
            return state
        changed = tuple(sorted(best.writers.keys() | current.writers.keys()))
        after = yield from self.committed(state, Proposal(candidate=best.candidate, changed=changed))
        if after.candidate == best.candidate:
            return after
        after = remembered(after, rejected=[*rejected, best.candidate])
        if after.candidate == state.candidate:
            return after
        writers = best.writers | dict.fromkeys(changed, after.candidate)
        return (yield from self.joined(after, after.candidate, writers, [best]))

    def pair(self, state: TrainerState, pool: Sequence[Member]) -> tuple[Member, Member] | None:
        """Two of the front whose merge is new, the better one first; None if there are none."""
        known = [sorted(member.writers.items()) for member in pool] + [
            [tuple(item) for item in tried] for tried in state.memory.get("tried", ())
        ]
        front = sorted(front_of(pool), key=lambda member: -member.mean)
        pairs = [
            (a, b) for a, b in combinations(front, 2) if sorted(merged_writers(a, b).items()) not in known
        ]
        return random.Random(f"{state.seed}/{state.iteration}/merge").choice(pairs) if pairs else None

    def _merges(self, state: TrainerState) -> bool:
        every = self.plan.merge_frequency
        return bool(every) and (state.iteration + 1) % every == 0


def front_of(pool: Sequence[Member]) -> list[Member]:
    """The members that no other dominates: at least as good on every example and better on one."""
    examples = range(len(pool[0].scores))

    def dominated(member: Member) -> bool:
        return any(
            all(other.score(i) >= member.score(i) for i in examples)
            and any(other.score(i) > member.score(i) for i in examples)
            for other in pool
        )

    return [member for member in pool if not dominated(member)]


def draw(pool: Sequence[Member], state: TrainerState) -> Member:
    """A member of the front, the likelier the more examples it is best on."""
    front = front_of(pool)
    examples = range(len(front[0].scores))
    best = [max(member.score(i) for member in front) for i in examples]
    weights = [sum(member.score(i) == best[i] for i in examples) for member in front]
    return random.Random(f"{state.seed}/{state.iteration}/parent").choices(front, weights)[0]


def merged_writers(first: Member, second: Member) -> dict[str, str]:
    """Each parameter from the member that changed it last; where each changed it by itself, from the first."""
    writers = first.writers | {
        name: writer for name, writer in second.writers.items() if name not in first.writers
    }
    rewritten = {
        name for name in first.writers.keys() & second.writers if first.writers[name] in second.forebears
    }
    return writers | {name: second.writers[name] for name in rewritten}


def pool_of(state: TrainerState) -> list[Member]:
    return [Member.model_validate(member) for member in state.memory["pool"]]


def remembered(state: TrainerState, **entries: object) -> TrainerState:
    return state.model_copy(update={"memory": {**state.memory, **entries}})


def spent(state: TrainerState, outcomes: Sequence[Outcome]) -> TrainerState:
    """The state with these outputs counted as metric calls."""
    return remembered(state, metric_calls=state.memory.get("metric_calls", 0) + len(outcomes))
