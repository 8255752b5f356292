"""JSON in what a model wrote, and the schema that it has to satisfy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NoReturn

from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from optimization.core.validating import PATTERNS, SchemaValidator
from optimization.llm.texts import storable

FENCED = re.compile(r"```([\w+#.-]*)[^\n`]*\n(.*?)\n?[ \t]*```", re.DOTALL)
LONGEST = 300
DATA = frozenset({"const", "enum", "default", "examples"})  # what stands there is no schema


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """The code blocks between ``` in a text: what each is called (often its language), and what stands in it."""
    return FENCED.findall(text.replace("\r\n", "\n"))


def parse_json(text: str) -> Any:
    """The JSON in a reply, alone or in a code fence; ValueError if there is none. NaN and infinities are no JSON.

    Characters that no database can hold are left out.
    """
    problem = ""
    for candidate in (text.lstrip("\ufeff"), *(code for _, code in fenced_blocks(text))):
        try:
            return storable(json.loads(candidate, parse_constant=_no_constant))
        except RecursionError:
            problem = "it is nested too deeply"
        except ValueError as error:
            problem = str(error)
    raise ValueError(f"it is not JSON ({problem})")


def check_schema(schema: Any, what: str) -> None:
    """ValueError, in words that begin with `what`, for what is no JSON schema or refers to what is not in it."""
    try:
        SchemaValidator.check_schema(schema, format_checker=PATTERNS)
    except SchemaError as error:
        place = f"{error.json_path}: " if error.json_path != "$" else ""
        raise ValueError(f"{what} is no valid JSON schema: {place}{shortened(error.message)}.") from None
    root = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    if reference := next(_dangling(schema, root), None):
        raise ValueError(
            f"{what} refers to {reference!r}, which is not in it, and nothing is fetched from elsewhere. "
            "Put what it refers to under $defs."
        )


def misfit(data: Any, schema: dict[str, Any]) -> tuple[str, str] | None:
    """Where data breaks a schema, as a JSON path, and how, in words; None where it does not.

    ValueError where a pattern of the schema takes too long on a text of the data.
    """
    try:
        error = best_match(_validator(json.dumps(schema)).iter_errors(data))
    except RecursionError:
        return "$", "it is nested too deeply"
    return None if error is None else (error.json_path, shortened(error.message))


def shortened(message: str) -> str:
    """The message, without the middle of a long value that it repeats."""
    if len(message) <= LONGEST:
        return message
    return f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _dangling(schema: Any, resolver: Any) -> Iterator[str]:
    """The references that lead nowhere within the schema. Nothing is fetched."""
    if isinstance(schema, list):
        for item in schema:
            yield from _dangling(item, resolver)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("$id"), str):
        resolver = resolver.in_subresource(DRAFT202012.create_resource(schema))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            yield reference
    for key, item in schema.items():
        if key not in DATA:
            yield from _dangling(item, resolver)


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    # A registry of its own: without one, jsonschema fetches what a $ref names from the network.
    return SchemaValidator(json.loads(schema), registry=Registry())
