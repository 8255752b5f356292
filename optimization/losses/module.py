"""What every loss has in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimization.core.bounds import held
from optimization.core.concurrency import concurrently
from optimization.core.module import Module
from optimization.core.payloads import as_feedback, is_feedback, normalize_feedback_payload
from optimization.core.values import Value, ValueKind

if TYPE_CHECKING:
    from optimization.core.backward import BackwardContext, BackwardResult

Context = dict[str, Any]


class LossModule(Module):
    """Judges an output: `await loss(output, target=None, *, context=None)` gives feedback.

    The feedback is a Value of kind STRUCTURED with payload `list[list[str]]` and, where there is one, a score
    0..1 in its meta. A loss passes the tapes of the output on, and hands feedback to it alone.
    A subclass writes `judge`; a plain function of (output, target, context) becomes a loss as LossModule(function). It
    gives what should be better, or (score, what should be better) as a guide does.
    """

    leaf = True
    passes_tapes_of = "output"

    compares: bool = False  # says which of several outputs is better, and not how good one is
    gives_score: bool = True

    def __init__(self, judge: Callable[..., Any] | None = None) -> None:
        if judge is not None and not callable(judge):
            raise TypeError(
                f"LossModule makes a loss of a function of (output, target, context), not of {judge!r}."
            )
        self._judge = judge

    def checked(self, name: str, given: Any, bounds: Any) -> Any:
        """An argument, if it keeps to its bounds; ValueError that names it and the loss otherwise."""
        return held(bounds, given, f"The {name} of {type(self).__name__}")

    async def forward(self, output: Any, target: Any = None, *, context: Context | None = None) -> Value:
        if not isinstance(context, Mapping | None):
            raise TypeError(
                f"The context of {type(self).__name__} is a dict of what the output was made from, by name, not {context!r}."
            )
        verdict = as_verdict(await self.judge(output, target, dict(context or {})))
        if verdict.score is not None and not 0.0 <= verdict.score <= 1.0:
            raise ValueError(
                f"{type(self).__name__} gave the score {verdict.score!r}: a score is 0 to 1. Scale it where it is made."
            )
        return verdict

    async def judge(self, output: Any, target: Any, context: Context) -> Value:
        """The feedback on `output`."""
        if self._judge is None:
            raise NotImplementedError(f"{type(self).__name__} does not say how it judges: write judge().")
        said = self._judge(output, target, context)
        if inspect.isawaitable(said):
            said = await said
        match said:
            case tuple((int() | float() as score, remarks)) if not isinstance(score, bool):
                return feedback_value(remarks, score)
        return as_verdict(said)

    async def together(
        self, outputs: Sequence[Any], target: Any = None, *, context: Context | None = None
    ) -> list[Value]:
        """The feedback on each of several outputs of one input; a loss that compares judges them side by side."""
        return await concurrently(self(output, target, context=context) for output in outputs)

    def misfit(self, count: int) -> str | None:
        """In words why `count` outputs cannot be judged together, or None."""
        return None

    def misfit_target(self, target: Any) -> str | None:
        """In words why an output cannot be judged with this target, or None."""
        return None

    async def backward(self, feedback: Value, ctx: BackwardContext) -> BackwardResult:
        from optimization.core.backward import BackwardResult  # kept out of the way of importing a loss

        return BackwardResult({self.passes_tapes_of: feedback})


def as_verdict(said: Any) -> Value:
    """What a judge said, as feedback; feedback stays as it is."""
    return said if is_feedback(said) else as_feedback(said)


def feedback_value(payload: Any, score: float | None = None, **meta: Any) -> Value:
    """Feedback of any shape as a Value."""
    if score is not None:
        meta["score"] = score
    return Value(ValueKind.STRUCTURED, normalize_feedback_payload(payload), meta=meta)


def lines(*texts: str) -> list[str]:
    """The lines of texts, stripped, without blank ones and bullets."""
    stripped = (line.strip().removeprefix("- ").strip() for text in texts for line in text.splitlines())
    return [line for line in stripped if line]
