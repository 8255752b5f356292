"""What can go wrong in the core, in words. Each error's `args` are those it was made with, so that it can be pickled."""

from __future__ import annotations

LONGEST_REPLY = 2000


class OptimizationError(RuntimeError):
    """A parameter could not be updated: every attempt gave a value that cannot be used."""

    def __init__(self, parameter: str, attempts: int, reason: str = "") -> None:
        super().__init__(parameter, attempts, reason)
        self.parameter = parameter
        self.attempts = attempts
        self.reason = reason

    def __str__(self) -> str:
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        detail = f": {self.reason.rstrip('.')}" if self.reason else ""
        return (
            f"Parameter {self.parameter!r} could not be updated in {tries}{detail}. Ask a stronger model as optimizer, "
            "loosen the parameter's constraints, or raise max_retries."
        )


class TraceError(RuntimeError):
    """A composite's `forward` did something with a child's output that only a leaf can do."""


class ReleasedTapeError(RuntimeError):
    """The tape was consumed by an earlier backward."""

    def __init__(self, tape_id: str) -> None:
        super().__init__(tape_id)
        self.tape_id = tape_id

    def __str__(self) -> str:
        return (
            f"Tape {self.tape_id} was released by an earlier backward. "
            "Pass retain_graph=True to the first one, or run the forward pass again."
        )


class UnknownTapeError(KeyError):
    """No registry in use here has the tape. `reason` says why it may be gone, and what to do."""

    def __init__(self, tape_id: str, reason: str) -> None:
        super().__init__(tape_id, reason)
        self.tape_id = tape_id
        self.reason = reason

    def __str__(self) -> str:
        return f"Unknown tape {self.tape_id}: {self.reason}"


class ReplyError(ValueError):
    """A model's reply to `asker` could not be read, after one repair. `raw_reply` is what it said last.

    `cut`: the reply ended because it was as long as it was allowed to be.
    """

    def __init__(self, asker: str, alias: str, problem: str, raw_reply: str, cut: bool = False) -> None:
        super().__init__(asker, alias, problem, raw_reply, cut)
        self.asker = asker
        self.alias = alias
        self.problem = problem
        self.raw_reply = raw_reply
        self.cut = cut

    def __str__(self) -> str:
        remedy = (
            "It was cut off: allow more tokens (max_tokens)."
            if self.cut
            else "Bind the alias to a model that keeps to a JSON schema, or ask for less in one reply."
        )
        said = self.raw_reply
        if len(said) > LONGEST_REPLY:
            said = f"{said[:LONGEST_REPLY]} … ({len(self.raw_reply):,} characters)"
        return (
            f"{self.asker}: the model behind {self.alias!r} gave a reply that cannot be used, twice. "
            f"Problem: {self.problem.rstrip('.')}. {remedy} Its last reply: {said!r}"
        )
