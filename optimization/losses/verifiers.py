"""Built-in checks of an output, and those of installed plug-ins, by name.

A verifier is a factory: its arguments configure it, and what it makes is called with the output, and the target
where it wants one, and answers (passed, message). A plug-in offers a factory under the entry point group
`handgrad.verifiers`.
"""

from __future__ import annotations

import ast
import json
import math
import re
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Literal

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse as parse_path
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

from optimization.core.calls import FENCED, parse_json
from optimization.core.values import as_text

GROUP = "handgrad.verifiers"

Verdict = tuple[bool, str]
Check = Callable[..., Verdict]
Unit = Literal["words", "characters", "lines"]
Language = Literal["json", "python", "toml"]
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")


def exact(expected: str | None = None, *, ignore_case: bool = False, strip: bool = True) -> Check:
    """The output equals `expected`, or the target where none is given."""

    def plain(x: Any) -> str:
        text = as_text(x)
        text = text.strip() if strip else text
        return text.casefold() if ignore_case else text

    def check(output: Any, target: Any = None) -> Verdict:
        wanted = _wanted(expected, target, "exact")
        return plain(output) == plain(wanted), f"The output must be exactly {as_text(wanted)!r}."

    return check


def regex(pattern: str, *, full: bool = False, message: str = "") -> Check:
    """The pattern is found in the output; with `full` it matches all of it."""
    compiled = re.compile(pattern)

    def check(output: Any) -> Verdict:
        text = as_text(output)
        found = compiled.fullmatch(text) if full else compiled.search(text)
        return found is not None, message or f"The output must match the pattern {pattern!r}."

    return check


def contains(text: str | list[str] | None = None, *, ignore_case: bool = False) -> Check:
    """Every text, or the target where none is given, stands in the output."""

    def check(output: Any, target: Any = None) -> Verdict:
        wanted = _wanted(text, target, "contains")
        needles = wanted if isinstance(wanted, list) else [wanted]
        hay = as_text(output).casefold() if ignore_case else as_text(output)
        missing = [n for n in map(as_text, needles) if (n.casefold() if ignore_case else n) not in hay]
        return not missing, f"The output must contain {', '.join(repr(n) for n in missing)}."

    return check


def json_schema(schema: dict[str, Any]) -> Check:
    """The output is JSON, alone or in a code fence, that satisfies the schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"The JSON schema of the verifier is not valid: {error.message}") from None
    validator = Draft202012Validator(schema)

    def check(output: Any) -> Verdict:
        try:
            error = best_match(validator.iter_errors(_data(output)))
        except ValueError as problem:
            return False, f"The output must be JSON: {problem}."
        if error is None:
            return True, ""
        return False, f"The output's JSON is wrong at {error.json_path}: {error.message}."

    return check


def json_path(path: str, expected: Any = None, *, match_target: bool = False) -> Check:
    """The JSON path finds something in the output: `expected` where it is given, the target with `match_target`."""
    try:
        compiled = parse_path(path)
    except JSONPathError as error:
        raise ValueError(f"The JSON path {path!r} of the verifier cannot be read: {error}") from None

    def check(output: Any, target: Any = None) -> Verdict:
        try:
            found = [match.value for match in compiled.find(_data(output))]
        except ValueError as problem:
            return False, f"The output must be JSON: {problem}."
        wanted = _wanted(None, target, "json_path") if match_target else expected
        if not found:
            return False, f"The output's JSON must have something at {path}."
        return (
            wanted is None or wanted in found,
            f"The output's JSON must have {wanted!r} at {path}, not {found[0]!r}.",
        )

    return check


def numeric(expected: float | None = None, *, tolerance: float = 0.0, relative: float = 0.0) -> Check:
    """The last number in the output is within `tolerance`, or `relative` of the value, of `expected` or the target."""

    def check(output: Any, target: Any = None) -> Verdict:
        wanted = _number(_wanted(expected, target, "numeric"))
        given = _number(output)
        if wanted is None:
            raise ValueError(f"The target {target!r} of the numeric verifier has no number in it.")
        if given is None:
            return False, f"The output must give a number, {wanted:g}."
        close = math.isclose(given, wanted, rel_tol=relative, abs_tol=tolerance)
        return close, f"The output's number is {given:g} and must be {wanted:g}."

    return check


def length(minimum: int = 0, maximum: int | None = None, *, unit: Unit = "words") -> Check:
    """The output has `minimum` to `maximum` words, characters or lines."""
    counts: dict[str, Callable[[str], list[str]]] = {
        "words": lambda text: text.split(),
        "characters": list,
        "lines": lambda text: text.splitlines(),
    }
    if unit not in counts:
        raise ValueError(f"Length is counted in {', '.join(counts)}, not {unit!r}.")

    def check(output: Any) -> Verdict:
        size = len(counts[unit](as_text(output)))
        if size < minimum:
            return False, f"The output has {size} {unit} and needs at least {minimum}."
        return (
            maximum is None or size <= maximum,
            f"The output has {size} {unit} and may have at most {maximum}.",
        )

    return check


def code_fence(language: Language = "json") -> Check:
    """The output has a fenced code block whose content parses as json, python or toml."""
    parsers: dict[str, Callable[[str], Any]] = {
        "json": json.loads,
        "python": ast.parse,
        "toml": tomllib.loads,
    }
    if language not in parsers:
        raise ValueError(f"Code is parsed as {', '.join(parsers)}, not as {language!r}.")

    def check(output: Any) -> Verdict:
        fenced = FENCED.search(as_text(output))
        if fenced is None:
            return False, "The output must have its code in a block fenced by ```."
        try:
            parsers[language](fenced.group(1))
        except (ValueError, SyntaxError) as error:
            return False, f"The code block must be valid {language}: {error}."
        return True, ""

    return check


BUILT_IN: dict[str, Callable[..., Check]] = {
    factory.__name__: factory
    for factory in (exact, regex, contains, json_schema, json_path, numeric, length, code_fence)
}


def verifier_names() -> list[str]:
    """Every name that `verifier_named` knows, plug-ins included."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def verifier_named(name: str, **arguments: Any) -> Check:
    """The verifier of that name, made with these arguments; ValueError in words if that cannot be."""
    factory = BUILT_IN.get(name) or next(
        (point.load() for point in entry_points(group=GROUP, name=name)), None
    )
    if factory is None:
        raise ValueError(f"No verifier {name!r}. There are: {', '.join(verifier_names())}.")
    try:
        made: Check = factory(**arguments)
    except (TypeError, re.error) as error:
        raise ValueError(f"Verifier {name!r} cannot be made with {sorted(arguments)}: {error}") from None
    return made


def _wanted(expected: Any, target: Any, name: str) -> Any:
    wanted = expected if expected is not None else target
    if wanted is None:
        raise ValueError(f"The {name} verifier has nothing to compare with: the example has no target.")
    return wanted


def _data(output: Any) -> Any:
    return parse_json(output) if isinstance(output, str) else output


def _number(x: Any) -> float | None:
    if isinstance(x, int | float) and not isinstance(x, bool):
        return float(x)
    found = NUMBER.findall(as_text(x))
    return float(found[-1].replace(",", "")) if found else None
