"""What can go wrong between a person and the queue, in words that a page shows as they are."""

from __future__ import annotations


class FeedbackError(Exception):
    """Something the queue refuses; the message says what happened and what to do now."""


class HoldLost(FeedbackError):
    """The question is no longer this person's: somebody else took it, or it was never claimed."""


class InvalidAnswer(FeedbackError):
    """An answer that does not fit its question: `errors` has a sentence for each field that is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors
