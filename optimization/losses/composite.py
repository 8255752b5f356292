"""CompositeLoss: several losses on one output, weighted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from optimization.core.concurrency import concurrently
from optimization.core.execution import running_below
from optimization.core.module import Module
from optimization.core.payloads import normalize_feedback_payload, remarks
from optimization.core.tape import with_tapes
from optimization.core.values import Value, collect_tape_ids, unwrap
from optimization.losses.judging import TEXTS, ModelJudge, object_schema, tagged
from optimization.losses.module import Context, LossModule, feedback_value, lines

_WEIGHT = re.compile(r"^\[Weight: [^\]]*\] ")

INSTRUCTIONS = (
    "Several judges gave feedback on one output, each with a weight. Make one short list of actionable improvements "
    "of it: what weighs more comes first, what says the same becomes one, nothing is invented; an empty list if there "
    "is nothing to improve. Answer with one JSON object: actionable_improvements."
)
Members = Iterable[tuple[LossModule, float]]


class CompositeLoss(ModelJudge):
    """Members judge at once; the score is sum(w s) / sum(w) over those that have one.

    The payload is "[Weight: w] a | b" for each member that said something. With `aggregator`, the alias of a
    model or a module that answers a prompt, it is the synthesis that this model makes of it.
    """

    def __init__(self, losses: Members, aggregator: str | Module | None = None) -> None:
        super().__init__(aggregator if isinstance(aggregator, str) else "judge")
        self.weights: list[float] = []
        self.losses: list[LossModule] = []
        for i, member in enumerate(losses):
            loss, weight = _member(member, i)
            self.add_module(str(i), loss)
            self.losses.append(loss)
            self.weights.append(weight)
        if not sum(self.weights):
            raise ValueError(
                "A CompositeLoss needs one loss or more with a weight above 0: give [(loss, weight), ...]."
            )
        self.aggregator = aggregator
        self.compares = any(loss.compares for loss in self.losses)
        self.gives_score = any(
            loss.gives_score and weight for loss, weight in zip(self.losses, self.weights, strict=True)
        )

    async def judge(self, output: Any, target: Any, context: Context) -> Value:
        verdicts = await concurrently(loss(output, target, context=context) for loss in self.losses)
        return await self._weighed(verdicts)

    async def together(
        self, outputs: Sequence[Any], target: Any = None, *, context: Context | None = None
    ) -> list[Value]:
        """Members that compare judge the outputs side by side, the others judge each of them."""
        raw = [unwrap(output) for output in outputs]

        async def weighed(verdicts: Sequence[Value]) -> Value:
            with running_below("synthesis"):
                return await self._weighed(verdicts)

        with running_below(type(self).__name__):
            said = await concurrently(loss.together(raw, target, context=context) for loss in self.losses)
            verdicts = await concurrently(weighed(of_output) for of_output in zip(*said, strict=True))
        return [
            with_tapes(verdict, collect_tape_ids(given))
            for verdict, given in zip(verdicts, outputs, strict=True)
        ]

    def misfit(self, count: int) -> str | None:
        return next(filter(None, (loss.misfit(count) for loss in self.losses)), None)

    def misfit_target(self, target: Any) -> str | None:
        return next(filter(None, (loss.misfit_target(target) for loss in self.losses)), None)

    async def _weighed(self, verdicts: Sequence[Value]) -> Value:
        """One feedback on an output of what each member said of it."""
        members = list(zip(verdicts, self.weights, strict=True))
        scored = [(verdict.meta["score"], weight) for verdict, weight in members if verdict.score is not None]
        total = sum(weight for _, weight in scored)
        score = sum(score * weight for score, weight in scored) / total if total else None
        said = [weighed(verdict, weight) for verdict, weight in members if remarks(verdict)]
        if self.aggregator is not None and said:
            said = await self._synthesis(said)
        kept = [
            {**verdict.meta, "loss": type(loss).__name__, "weight": weight}
            for loss, (verdict, weight) in zip(self.losses, members, strict=True)
        ]
        return feedback_value([[line] for line in said], score, members=kept)

    async def _synthesis(self, said: Sequence[str]) -> list[str]:
        if isinstance(self.aggregator, Module):
            prompt = f"{INSTRUCTIONS}\n\n{tagged({'feedback': chr(10).join(said)})}"
            reply = unwrap(await self.aggregator(prompt))
            if isinstance(reply, dict):
                reply = reply.get("actionable_improvements", [])
            return lines(*(text for group in normalize_feedback_payload(reply) for text in group))
        schema = object_schema(actionable_improvements=TEXTS)
        blocks = {"feedback": "\n".join(said)}
        return await self.ask(
            INSTRUCTIONS, blocks, schema, lambda reply: lines(*reply["actionable_improvements"])
        )


def _member(given: Any, place: int) -> tuple[LossModule, float]:
    """A loss and its weight; TypeError or ValueError, in words, for what is no such pair."""
    if not (isinstance(given, tuple | list) and len(given) == 2):
        raise TypeError(f"A CompositeLoss takes pairs, [(loss, weight), ...]; member {place} is {given!r}.")
    loss, weight = given
    if not isinstance(loss, LossModule):
        raise TypeError(
            f"Member {place} of a CompositeLoss is no loss but {loss!r}. A function of (output, target, context) becomes "
            "one as LossModule(function)."
        )
    if not isinstance(weight, int | float) or not 0 <= weight < inf:
        raise ValueError(
            f"The weight of a loss in a CompositeLoss is a number, 0 or more; {type(loss).__name__} has {weight!r}."
        )
    return loss, weight


def weighed(verdict: Value, weight: float) -> str:
    return f"[Weight: {weight}] " + " | ".join(remarks(verdict))


def members_said(text: str) -> list[str]:
    """The remarks in a payload's text: of one that was `weighed`, each by itself."""
    said = _WEIGHT.sub("", text)
    return [text] if said == text else said.split(" | ")
