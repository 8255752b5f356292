"""The active optimizer: who gets the records that backward goes through.

Optimizers live above the core; this is the slot they put themselves into. The last one that was made, bound or
zeroed is active in the process; `activated` scopes one to the code inside.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from optimization.core.record import ForwardRecord

ReasoningModel = Callable[[str], Awaitable[Any]]


class FeedbackCollector(Protocol):
    """What backward needs of an optimizer.

    `reasoning_model`, if there is one, answers a prompt: a bound LLMInference, or any async function of a text.
    """

    @property
    def reasoning_model(self) -> ReasoningModel | None:
        """Answers `ctx.reason(prompt)`; None where nobody does."""
        ...

    def capture_record(self, record: ForwardRecord) -> None:
        """A pass that backward went through; the step orders parameters by it."""
        ...


_scoped: ContextVar[FeedbackCollector | None] = ContextVar("handgrad_active_optimizer", default=None)
_latest: weakref.ref[FeedbackCollector] | None = None


def activate(optimizer: FeedbackCollector) -> None:
    """Make `optimizer` the active one of the process, for as long as it lives."""
    global _latest
    _latest = weakref.ref(optimizer)


@contextmanager
def activated(optimizer: FeedbackCollector) -> Iterator[None]:
    """Make `optimizer` the active one in the code inside, whatever is activated elsewhere."""
    token = _scoped.set(optimizer)
    try:
        yield
    finally:
        _scoped.reset(token)


def active_optimizer() -> FeedbackCollector | None:
    """The one scoped to the code here, else the one last made, bound or zeroed, if it still lives."""
    return _scoped.get() or (_latest() if _latest is not None else None)
