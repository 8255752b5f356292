"""What can go wrong with a policy, in words: what happened, to which thing, what to do now. Imports without torch."""

from __future__ import annotations


class PolicyError(Exception):
    """Base of all errors of policy training that are not the caller's wrong argument (those are ValueErrors)."""


class MissingPackage(PolicyError):
    """An optional package is not installed."""

    def __init__(self, package: str, purpose: str, install: str | None = None) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed. "
            f"Install it with: pip install {install or package}"
        )
        self.package = package


class NotFinite(PolicyError):
    """A reward, a loss or a gradient is no number; nothing was applied."""


class CheckpointError(PolicyError):
    """A checkpoint could not be written or read; the last good one is untouched."""


class OutOfMemory(PolicyError):
    """The device's memory did not suffice."""


class Cancelled(PolicyError):
    """The job was told to stop, and stopped between two micro-batches."""
