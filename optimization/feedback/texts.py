"""What people type."""

from __future__ import annotations


def lines(text: str) -> list[str]:
    """One item a line, blank lines left out."""
    return [line.strip() for line in text.splitlines() if line.strip()]
