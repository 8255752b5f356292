"""How things are named in addresses."""

from __future__ import annotations

from typing import Annotated

from ninja import Path

Slug = Annotated[str, Path(pattern=r"^[-a-zA-Z0-9_]{1,80}$")]
Id = Annotated[int, Path(ge=1, lt=2**63)]
Number = Annotated[int, Path(ge=0, lt=2**31)]
