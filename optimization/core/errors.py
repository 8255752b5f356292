"""What can go wrong in the core, in words."""

from __future__ import annotations


class OptimizationError(RuntimeError):
    """A parameter could not be updated: every attempt gave a value that cannot be used."""

    def __init__(self, parameter: str, attempts: int, reason: str = "") -> None:
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        detail = f": {reason}" if reason else ""
        super().__init__(f"Parameter {parameter!r} could not be updated in {tries}{detail}")
        self.parameter = parameter
        self.attempts = attempts
        self.reason = reason


class TraceError(RuntimeError):
    """A composite's `forward` did something with a child's output that only a leaf can do."""


class ReleasedTapeError(RuntimeError):
    """The tape was consumed by an earlier backward."""

    def __init__(self, tape_id: str) -> None:
        super().__init__(
            f"Tape {tape_id} was released by an earlier backward. "
            "Pass retain_graph=True to the first one, or run the forward pass again."
        )
        self.tape_id = tape_id


class ReplyError(ValueError):
    """A model's reply could not be read, after one repair. `raw_reply` is what it said last."""

    def __init__(self, alias: str, problem: str, raw_reply: str) -> None:
        super().__init__(
            f"The model behind {alias!r} gave a reply that cannot be used, twice. Problem: {problem}. "
            f"Its last reply: {raw_reply!r}"
        )
        self.alias = alias
        self.problem = problem
        self.raw_reply = raw_reply
