"""The validator of JSON schemas, whose patterns keep to a limit of time (core.patterns)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from optimization.core.patterns import Pattern

PATTERNS = FormatChecker(formats=["regex"])
"""For a schema's own check: its patterns are patterns."""

_pattern_of = lru_cache(maxsize=256)(Pattern)
_plainly = Draft202012Validator.VALIDATORS["additionalProperties"]


def _pattern(validator: Any, pattern: str, data: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(data, "string") and not _pattern_of(pattern).matches(data):
        yield ValidationError(f"{data!r} does not match {pattern!r}")


def _by_pattern(validator: Any, schemas: dict[str, Any], data: Any, _: Any) -> Iterator[ValidationError]:
    if not validator.is_type(data, "object"):
        return
    for pattern, schema in schemas.items():
        for name, value in data.items():
            if _pattern_of(pattern).matches(name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional(validator: Any, wanted: Any, data: Any, schema: Any) -> Iterator[ValidationError]:
    """Of the names that no pattern matches, as of any."""
    patterns = schema.get("patternProperties", {})
    if patterns and validator.is_type(data, "object"):
        others = [name for name in data if not any(_pattern_of(one).matches(name) for one in patterns)]
        data = {name: data[name] for name in others}
        schema = {name: value for name, value in schema.items() if name != "patternProperties"}
    yield from _plainly(validator, wanted, data, schema)


SchemaValidator: Any = extend(
    Draft202012Validator,
    {"pattern": _pattern, "patternProperties": _by_pattern, "additionalProperties": _additional},
)
