"""Where in a run the present code stands: the identity of each call to a model and each question to people.

A driver opens scopes, modules narrow them (`with scoped(node="draft")`), and whoever carries out a call or a
question reads `current_scope().key()`. Outside a driver the scope is empty and nobody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Scope(NamedTuple):
    """A position: effect of the iteration, phase, candidate, example, node or parameter, sample, retry."""

    iteration: int = 0
    effect: int = 0
    phase: str = ""
    candidate: str = ""
    example: str = ""
    node: str = ""
    sample: int = 0
    retry: int = 0

    def key(self) -> str:
        """The call's unique key within its run."""
        return "/".join(map(str, self))


_EMPTY = Scope()
_scope: ContextVar[Scope] = ContextVar("handgrad_scope", default=_EMPTY)


def current_scope() -> Scope:
    return _scope.get()


@contextmanager
def scoped(
    *,
    iteration: int | None = None,
    effect: int | None = None,
    phase: str | None = None,
    candidate: str | None = None,
    example: str | None = None,
    node: str | None = None,
    sample: int | None = None,
    retry: int | None = None,
) -> Iterator[Scope]:
    """Narrow the scope for the code inside; tasks started inside inherit it."""
    changes = {name: value for name, value in locals().items() if value is not None}
    inner = _scope.get()._replace(**changes)
    token = _scope.set(inner)
    try:
        yield inner
    finally:
        _scope.reset(token)


class Suspended(BaseException):
    """An unanswered question: the example waits for people and is carried on when they have answered.

    A BaseException, so that "an example that raises costs that example" never swallows it.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"waiting for people: {key}")
        self.key = key
