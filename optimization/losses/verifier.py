"""VerifierLoss: a check in code says whether the output passes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from optimization.core.values import Value
from optimization.losses.module import Context, LossModule, feedback_value
from optimization.losses.verifiers import verifier_named, verifier_names

Verifier = Callable[..., Any]


class VerifierLoss(LossModule):
    """Score 1.0 if `verifier(output) -> (passed, message)` passes, else 0.0 with the message as feedback.

    The verifier, plain or async, is also given `target` and `context` if it has parameters of those names. By
    name it is one of the built-in ones or of an installed plug-in: "exact", or {"name": "regex", "pattern": ...}.
    """

    def __init__(
        self,
        verifier: Verifier | str | Mapping[str, Any],
        success_feedback: str = "The output passed verification.",
    ) -> None:
        super().__init__()
        if isinstance(verifier, str):
            verifier = verifier_named(verifier)
        elif isinstance(verifier, Mapping):
            arguments = dict(verifier)
            verifier = verifier_named(str(arguments.pop("name", None)), **arguments)
        elif not callable(verifier):
            raise TypeError(
                f"The verifier of a VerifierLoss is a function of the output, or one by name, not {verifier!r}. "
                f"Names: {', '.join(verifier_names())}."
            )
        self.verifier: Verifier = verifier
        self.success_feedback = success_feedback
        self._accepts = _parameters(verifier) & {"target", "context"}

    async def judge(self, output: Any, target: Any, context: Context) -> Value:
        offered = {"target": target, "context": context}
        verdict = self.verifier(output, **{name: offered[name] for name in self._accepts})
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if not (isinstance(verdict, tuple) and len(verdict) == 2 and verdict[0] in (True, False)):
            raise TypeError(
                f"A verifier answers (passed, message), passed being True or False; {_called(self.verifier)} answered "
                f"{verdict!r}. Return for example (False, 'Say when it arrives.')."
            )
        passed, message = verdict
        if passed:
            return feedback_value([], 1.0, message=self.success_feedback)
        said = message or "The output did not pass verification."
        return feedback_value(said, 0.0, message=said)


def _called(verifier: Verifier) -> str:
    return str(getattr(verifier, "__qualname__", None) or repr(verifier))


def _parameters(verifier: Verifier) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(verifier).parameters)
    except ValueError:  # some functions written in C do not tell
        return frozenset()
