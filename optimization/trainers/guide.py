"""Who judges an output in `train`: a guide, any function like one, or a loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import isfinite
from typing import Any

from optimization.core import (
    Module,
    Value,
    ValueKind,
    collect_tape_ids,
    normalize_feedback_payload,
    run,
    unwrap,
)
from optimization.core.concurrency import concurrently
from optimization.llm.scope import scoped
from optimization.losses import LossModule
from optimization.trainers.effects import Effect, Forward, Outcome

Verdict = tuple[float | None, Any]


class Guide:
    """Judges (input, output, info) with (score, feedback), plain or async: a subclass writes `get_feedback`."""

    def get_feedback(self, task: Any, response: Any, info: Any) -> Any:
        """The score, 0..1 or None, and what should be better."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it judges: write get_feedback().")

    def __call__(self, task: Any, response: Any, info: Any) -> Any:
        return self.get_feedback(task, response, info)


Judge = Guide | LossModule | Callable[[Any, Any, Any], Any]


class GuideError(TypeError):
    """A guide that does not judge as guides do. It would do so for every example, so none is spent on it."""

    permanent = True

    def __init__(self, guide: Any, problem: str) -> None:
        super().__init__(
            f"The guide {_name_of(guide)} {problem}. A guide is a loss, or a function, plain or async, of (input, output, "
            "info) that gives (score, feedback): a number or None, and what should be better."
        )


def check_guide(guide: Any) -> None:
    """Raise GuideError for what can be seen before the first example."""
    if isinstance(guide, LossModule):
        return
    if inspect.isclass(guide):
        raise GuideError(guide, f"is a class: make one, {guide.__name__}()")
    if not callable(guide):
        raise GuideError(guide, "cannot be called")
    if isinstance(guide, Guide) and type(guide).get_feedback is Guide.get_feedback:
        raise GuideError(guide, "does not say how it judges: write its get_feedback()")
    try:
        inspect.signature(guide).bind(None, None, None)
    except TypeError as error:
        raise GuideError(guide, f"cannot be called with three arguments ({error})") from None
    except ValueError:
        return  # a builtin without a signature


def _name_of(guide: Any) -> str:
    return getattr(guide, "__name__", None) or repr(guide)


def arguments(x: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """An input as a program is called with it: a dict by keywords, anything else as the one argument."""
    return ((), x) if isinstance(x, dict) else ((x,), {})


def context_of(agent: Module, x: Any) -> dict[str, Any]:
    """The agent's inputs by name, as a loss gets them."""
    positional, named = arguments(x)
    return named or dict(zip(agent.positional_names(1), positional, strict=True))


async def verdict(guide: Judge, agent: Module, x: Any, output: Any, info: Any) -> Verdict:
    """What a guide or a loss says of an output; a loss takes the info for the target, the inputs for the context."""
    if isinstance(guide, LossModule):
        loss: Value = await guide(output, info, context=context_of(agent, x))
        return loss.score, loss.payload
    said = guide(x, unwrap(output), info)
    if inspect.isawaitable(said):
        said = await said
    if not isinstance(said, tuple | list) or len(said) != 2:
        raise GuideError(guide, f"gave {said!r}")
    score, feedback = said
    return _score(guide, score), feedback


def _score(guide: Judge, given: Any) -> float | None:
    try:
        score = None if given is None or isinstance(given, str) else float(given)
    except (TypeError, ValueError):
        score = None
    if (score is None and given is not None) or (score is not None and not isfinite(score)):
        raise GuideError(guide, f"gave the score {given!r}")
    return score


async def standard_optimization_step(
    agent: Module, x: Any, guide: Judge, info: Any, min_score: float | None = None
) -> tuple[Value, float | None, list[list[str]]]:
    """Run the agent, recorded, and judge it: (target, score, feedback), as opto's function of this name.

    An agent that raises gives its error as target and feedback, and `min_score` as score.
    """
    positional, named = arguments(x)
    try:
        target: Value = await run(agent, *positional, record=True, **named)
        score, feedback = await verdict(guide, agent, x, target, info)
    except Exception as error:
        if getattr(error, "permanent", False):
            raise
        return Value(ValueKind.ERROR, error), min_score, [[in_words(error)]]
    return target, score, normalize_feedback_payload(feedback)


async def judged(agent: Module, x: Any, guide: Judge, info: Any, *, example: int, sample: int) -> Outcome:
    """One example's outcome. What raises costs the example, unless it would raise for every other one too."""
    target, score, feedback = await standard_optimization_step(agent, x, guide, info)
    if target.kind is ValueKind.ERROR:
        return Outcome(example=example, sample=sample, error=feedback[0][0])
    return outcome_of(target, score, feedback, example=example, sample=sample)


def comparing(effect: Effect, guide: Judge) -> LossModule | None:
    """The loss that judges an example's samples by each other, in one go, where this effect has one.

    Samples are compared to learn from them. An evaluation asks how good a candidate is, and the ranks of its own
    outputs among themselves say nothing of that: there each output is judged by its target.
    """
    if isinstance(effect, Forward) and effect.samples > 1 and isinstance(guide, LossModule):
        return guide if guide.compares else None
    return None


async def judged_together(
    agent: Module, x: Any, loss: LossModule, info: Any, *, example: int, samples: int
) -> tuple[Outcome, ...]:
    """The outcomes of one example's samples, judged by each other; what raises costs the example."""
    try:
        targets = await run_samples(agent, x, samples)
        verdicts = await loss.together(targets, info, context=context_of(agent, x))
    except Exception as error:
        if getattr(error, "permanent", False):
            raise
        return tuple(Outcome(example=example, sample=i, error=in_words(error)) for i in range(samples))
    return tuple(
        outcome_of(target, said.score, said.payload, example=example, sample=i)
        for i, (target, said) in enumerate(zip(targets, verdicts, strict=True))
    )


async def run_samples(agent: Module, x: Any, samples: int) -> list[Value]:
    """The agent's outputs, each recorded on a tape of its own and each a sample of its own."""
    positional, named = arguments(x)

    async def one(sample: int) -> Value:
        with scoped(sample=sample):
            output: Value = await run(agent, *positional, record=True, **named)
            return output

    return await concurrently(one(sample) for sample in range(samples))


def outcome_of(
    target: Value, score: float | None, feedback: list[list[str]], *, example: int, sample: int
) -> Outcome:
    (tape,) = collect_tape_ids(target) or (None,)
    return Outcome(
        example=example,
        sample=sample,
        output=unwrap(target),
        score=score,
        feedback=feedback,
        tape=tape,
    )


def in_words(error: Exception) -> str:
    """An error on one line, with the node it came from."""
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}{notes}"
