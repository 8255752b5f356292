"""What accounts refuses, in words."""

from __future__ import annotations


class AccountError(ValueError):
    """A request that cannot be granted as it stands; `field` names the argument to mend."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
