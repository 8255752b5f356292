"""Numbers and texts with bounds, as signatures state them; `held` holds what a caller gives to them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it is blank; write at least a word")
    return text


Share = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Temperature = Annotated[float, Field(ge=0.0)]
TwoOrMore = Annotated[int, Field(ge=2)]
Text = Annotated[str, AfterValidator(_not_blank)]


def held(bounds: Any, given: Any, what: str) -> Any:
    """`given`, unconverted, if it keeps to `bounds`; else ValueError in words that begin with `what`."""
    try:
        _adapter(bounds).validate_python(given, strict=True)
    except ValidationError as error:
        found = error.errors()[0]
        own = found.get("ctx", {}).get("error")
        raise ValueError(f"{what}: {own or found['msg'] + f', not {given!r}'}.") from None
    return given


@cache
def _adapter(bounds: Any) -> TypeAdapter[Any]:
    return TypeAdapter(bounds)
