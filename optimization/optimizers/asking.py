"""Asking for one new value until it can be used: read, checked against the constraints, asked again with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optimization.core.calls import read_reply
from optimization.core.constraints import Constraint
from optimization.core.errors import OptimizationError
from optimization.llm.errors import EmptyReply
from optimization.llm.messages import Completion, CompletionRequest, Resources
from optimization.llm.scope import scoped
from optimization.optimizers.prompts import CHECK_SCHEMA, UPDATE_SCHEMA, Rejected, check_request

UPDATER = "optimizer/updater"
AGGREGATOR = "optimizer/aggregator"
CHECKER = "optimizer/checker"


class Asking:
    """The attempts at one parameter's next value; `previous` is its present one.

    Every call has a place of its own in a run: phase, parameter, sample and retry.
    """

    def __init__(
        self,
        resources: Resources,
        name: str,
        previous: str,
        constraints: Sequence[Constraint | str],
        *,
        alias: str = UPDATER,
        sample: int = 0,
        max_retries: int = 3,
        max_tokens: int | None = None,
    ) -> None:
        self.resources = resources
        self.name = name
        self.previous = previous
        self.constraints = constraints
        self.alias = alias
        self.sample = sample
        self.max_retries = max_retries
        self.max_tokens = max_tokens

    async def value(self, request: Callable[[Sequence[Rejected]], CompletionRequest]) -> str:
        """A value that keeps the constraints; each attempt's request knows the replies rejected before it.

        Raises OptimizationError(parameter, attempts) when all attempts have failed.
        """
        rejected: list[Rejected] = []
        for attempt in range(self.max_retries + 1):
            with scoped(phase="update", node=self.name, sample=self.sample, retry=attempt):
                completion = await answered(self.resources, self.alias, request(rejected), self.name)
            try:
                value = read_object(completion.text, UPDATE_SCHEMA)["value"].strip()
            except ValueError as error:
                rejected.append(Rejected(completion.text, str(error)))
                continue
            problem = "it is empty" if not value else await self._problem(value, attempt)
            if problem is None:
                return str(value)
            rejected.append(Rejected(value, problem))
        raise OptimizationError(self.name, len(rejected), rejected[-1].problem)

    async def _problem(self, value: str, attempt: int) -> str | None:
        """What is wrong with a value, in words: the built-in checks first, then a model asked about the texts."""
        for constraint in self.constraints:
            if not isinstance(constraint, str) and (found := constraint.problem(value, self.previous)):
                return found
        texts = [constraint for constraint in self.constraints if isinstance(constraint, str)]
        if not texts or value == self.previous:
            return None
        request = check_request(value, texts, self.max_tokens)
        with scoped(phase="check", node=self.name, sample=self.sample, retry=attempt):
            completion = await self.resources.complete(CHECKER, request)
        try:
            verdict = read_object(completion.text, CHECK_SCHEMA)
        except ValueError as error:
            return f"the check of its constraints could not be read ({error})"
        return (
            None if verdict["kept"] else verdict["problem"].strip() or f"it breaks one of: {'; '.join(texts)}"
        )


async def answered(
    resources: Resources, alias: str, request: CompletionRequest, parameter: str
) -> Completion:
    """The model's reply. OptimizationError, about the parameter, where it stays empty however often it is asked."""
    try:
        return await resources.complete(alias, request)
    except EmptyReply as error:
        raise OptimizationError(parameter, error.attempts, str(error)) from error


def read_object(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A reply's JSON object; ValueError in words if it does not satisfy the schema."""
    found: dict[str, Any] = read_reply(text, schema, lambda data: data)
    return found
