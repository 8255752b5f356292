"""What people type and models write, made fit to be stored."""

from __future__ import annotations

from typing import Any


def storable(value: Any) -> Any:
    """JSON data without NULs and lone surrogates, which no text in PostgreSQL can hold."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value
