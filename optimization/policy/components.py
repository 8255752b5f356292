"""Where rollouts come from and who scores them. Imports without torch."""

from __future__ import annotations

import asyncio
import inspect
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from optimization.policy.errors import NotFinite
from optimization.policy.rollouts import Prompt, Rollout

Scores = Sequence[float | None]
Scorer = Callable[[Sequence[Rollout]], Scores | Awaitable[Scores]]


@dataclass(frozen=True)
class Component:
    """A source of rollouts: prompts by slice ("train", "test", ...), and who scores what comes of them.

    The scorer gets all rollouts of a batch that are the component's, so that a judge may see a group at once, and
    answers, plainly or as an awaitable, one number a rollout, or None for one that nobody has scored yet.
    """

    name: str
    prompts: Mapping[str, Sequence[Prompt]]
    scorer: Scorer

    def score(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """One score a rollout. Raises ValueError for another number of scores, NotFinite for a NaN or an infinity."""
        answer = self.scorer(rollouts)
        scores: Any = _settled(answer) if inspect.isawaitable(answer) else answer
        if len(scores) != len(rollouts):
            raise ValueError(
                f"The scorer of {self.name!r} gave {len(scores)} scores for {len(rollouts)} rollouts: it must give "
                "one for each, None for one without a score."
            )
        for score, rollout in zip(scores, rollouts, strict=True):
            if score is not None and not math.isfinite(score):
                raise NotFinite(
                    f"The scorer of {self.name!r} gave {score} for {rollout.text[:80]!r}. A reward is a finite number, "
                    "or None where there is none yet; nothing was trained."
                )
        return [None if score is None else float(score) for score in scores]


def verified(check: Callable[..., tuple[bool, str]]) -> Scorer:
    """A scorer of a verifier (`losses.verifiers`): 1 for a completion that passes, 0 for one that does not."""
    takes_target = len(inspect.signature(check).parameters) > 1

    def score(rollouts: Sequence[Rollout]) -> list[float | None]:
        return [
            float(
                check(rollout.text, *([rollout.prompt.target] if takes_target and rollout.prompt else []))[0]
            )
            for rollout in rollouts
        ]

    return score


class Schedule:
    """Which prompts a step takes: a pass over all components' prompts of a slice, shuffled by (seed, pass), and again."""

    def __init__(self, components: Sequence[Component], slice: str, seed: int) -> None:
        self.slice, self._seed = slice, seed
        self.all = [
            (index, prompt)
            for index, component in enumerate(components)
            for prompt in component.prompts.get(slice, ())
        ]

    def take(self, first: int, count: int) -> list[tuple[int, Prompt]]:
        """`count` (component, prompt) from the `first`-th on, over the end of passes. ValueError if there are none."""
        if not self.all:
            raise ValueError(
                f"There are no rollouts to make: no component has a prompt in the slice {self.slice!r}."
            )
        chosen: list[tuple[int, Prompt]] = []
        while len(chosen) < count:
            turn, offset = divmod(first + len(chosen), len(self.all))
            order = self._order(turn)[offset : offset + count - len(chosen)]
            chosen += [self.all[place] for place in order]
        return chosen

    def _order(self, turn: int) -> list[int]:
        order = list(range(len(self.all)))
        random.Random(f"{self._seed}/{self.slice}/{turn}").shuffle(order)
        return order


def _settled(answer: Awaitable[Scores]) -> Scores:
    async def wait() -> Scores:
        return await answer

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    # A notebook runs a loop in this thread already; the scorer gets one in another.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, wait()).result()


def by_component(
    components: Sequence[Component], rollouts: Sequence[Rollout]
) -> Iterator[tuple[int, list[int]]]:
    """For each component, the rows of its rollouts. ValueError for a rollout of a component that is not there."""
    numbers = {component.name: number for number, component in enumerate(components)}
    strange = {rollout.source for rollout in rollouts} - set(numbers)
    if strange:
        raise ValueError(
            f"There are rollouts of {', '.join(map(repr, sorted(strange)))}, and the trainer's components are "
            f"{', '.join(map(repr, numbers))}."
        )
    for name, number in numbers.items():
        yield number, [row for row, rollout in enumerate(rollouts) if rollout.source == name]
