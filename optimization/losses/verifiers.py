"""Built-in checks of an output, and those of installed plug-ins, by name.

A verifier is a factory: its arguments configure it, and what it makes is called with the output, and the target
where it wants one, and answers (passed, message). A plug-in offers a factory under the entry point group
`handgrad.verifiers`.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
import re
import tomllib
import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Literal

import yaml
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse as parse_path

from optimization.core.patterns import Pattern
from optimization.core.structured import check_schema, fenced_blocks, misfit, parse_json
from optimization.core.values import as_text

GROUP = "handgrad.verifiers"

Verdict = tuple[bool, str]
Check = Callable[..., Verdict]
Unit = Literal["words", "characters", "lines"]
Language = Literal["json", "python", "toml", "yaml"]
PARSERS: dict[str, Callable[[str], Any]] = {
    "json": json.loads,
    "python": ast.parse,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
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
    """The pattern is found in the output; with `full` it matches all of it.

    ValueError where it takes too long on an output (core.patterns).
    """
    compiled = Pattern(pattern)

    def check(output: Any) -> Verdict:
        found = compiled.matches(as_text(output), full=full)
        return found, message or f"The output must match the pattern {pattern!r}."

    return check


def contains(text: str | list[str] | None = None, *, ignore_case: bool = False) -> Check:
    """Every text, or the target where none is given, stands in the output."""
    if text is not None and not text:
        raise ValueError(
            "The contains verifier has no text to look for: give text, or leave it out for the target."
        )

    def check(output: Any, target: Any = None) -> Verdict:
        wanted = _wanted(text, target, "contains")
        needles = wanted if isinstance(wanted, list) else [wanted]
        hay = as_text(output).casefold() if ignore_case else as_text(output)
        missing = [n for n in map(as_text, needles) if (n.casefold() if ignore_case else n) not in hay]
        return not missing, f"The output must contain {', '.join(repr(n) for n in missing)}."

    return check


def json_schema(schema: dict[str, Any]) -> Check:
    """The output is JSON, alone or in a code fence, that satisfies the schema.

    ValueError where a pattern of the schema takes too long on the output (core.patterns).
    """
    check_schema(schema, "The schema of the json_schema verifier")

    def check(output: Any) -> Verdict:
        try:
            data = _data(output)
        except ValueError as problem:
            return False, f"The output must be JSON: {problem}."
        found = misfit(data, schema)
        if found is None:
            return True, ""
        place, wrong = found
        return False, f"The output's JSON is wrong at {place}: {wrong}."

    return check


def json_path(path: str, expected: Any = None, *, match_target: bool = False) -> Check:
    """The JSON path finds something in the output: `expected` where it is given, the target with `match_target`."""
    try:
        compiled = parse_path(path)
    except JSONPathError as error:
        raise ValueError(f"The path {path!r} of the json_path verifier cannot be read: {error}") from None

    def check(output: Any, target: Any = None) -> Verdict:
        try:
            found = [match.value for match in compiled.find(_data(output))]
        except ValueError as problem:
            return False, f"The output must be JSON: {problem}."
        wanted = _wanted(None, target, "json_path") if match_target else expected
        if not found:
            return False, f"The output's JSON must have something at {path}."
        same = (one == wanted and isinstance(one, bool) == isinstance(wanted, bool) for one in found)
        return (
            wanted is None or any(same),
            f"The output's JSON must have {wanted!r} at {path}, not {found[0]!r}.",
        )

    return check


def numeric(expected: float | None = None, *, tolerance: float = 0.0, relative: float = 0.0) -> Check:
    """The last number in the output is within `tolerance`, or `relative` of the value, of `expected` or the target."""
    for name, bound in (("tolerance", tolerance), ("relative", relative)):
        if not 0 <= bound < math.inf:
            raise ValueError(f"The numeric verifier's {name} is 0 or more, not {bound}.")
    if expected is not None and _number(expected) is None:
        raise ValueError(f"The numeric verifier's expected is a number, not {expected!r}.")

    def check(output: Any, target: Any = None) -> Verdict:
        wanted = _number(_wanted(expected, target, "numeric"))
        given = _number(output)
        if wanted is None:
            raise ValueError(
                f"The numeric verifier finds no number in the example's target {target!r}. Give it one, or expected=."
            )
        if given is None:
            return False, f"The output must give a number, {wanted:.15g}."
        close = math.isclose(given, wanted, rel_tol=relative, abs_tol=tolerance)
        return close, f"The output's number is {given:.15g} and must be {wanted:.15g}."

    return check


def length(minimum: int = 0, maximum: int | None = None, *, unit: Unit = "words") -> Check:
    """The output has `minimum` to `maximum` words, characters or lines."""
    counts: dict[str, Callable[[str], list[str]]] = {
        "words": lambda text: text.split(),
        "characters": list,
        "lines": lambda text: text.splitlines(),
    }
    if unit not in counts:
        raise ValueError(f"The length verifier counts {', '.join(counts)}, not {unit!r}.")
    if minimum < 0 or (maximum is not None and maximum < minimum):
        raise ValueError(
            f"No output has {minimum} to {maximum} {unit}: give the length verifier other bounds."
        )

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
    """The output has a fenced code block whose content parses as json, python, toml or yaml.

    Of several blocks those called `language` are read, or all where none is; every one of them must parse.
    """
    if language not in PARSERS:
        raise ValueError(f"The code_fence verifier parses {', '.join(PARSERS)}, not {language!r}.")

    def check(output: Any) -> Verdict:
        blocks = fenced_blocks(as_text(output))
        if not blocks:
            return False, "The output must have its code in a block fenced by ```."
        named = [code for name, code in blocks if name.casefold() == language]
        problems = (_syntax_problem(code, language) for code in named or [code for _, code in blocks])
        problem = next(filter(None, problems), None)
        return problem is None, f"The code block must be valid {language}: {problem}."

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
    except (TypeError, AttributeError, re.error) as error:
        raise ValueError(
            f"Verifier {name!r} cannot be made with {arguments}: {error}. It takes {inspect.signature(factory)}."
        ) from None
    return made


def _wanted(expected: Any, target: Any, name: str) -> Any:
    wanted = expected if expected is not None else target
    if wanted is None:
        raise ValueError(
            f"The {name} verifier has nothing to compare with: the example has no target. Give it one, or configure "
            "the verifier with what it expects."
        )
    return wanted


def _data(output: Any) -> Any:
    return parse_json(output) if isinstance(output, str) else output


def _number(x: Any) -> float | None:
    if isinstance(x, float) and math.isnan(x):
        return None
    found = NUMBER.findall(as_text(x)) if not isinstance(x, bool) else []
    return float(found[-1].replace(",", "")) if found else None


def _syntax_problem(code: str, language: Language) -> str | None:
    """Why code does not parse, on one line, or None."""
    try:
        with warnings.catch_warnings(action="ignore"):  # what Python would warn of in code is no syntax error
            PARSERS[language](code)
    except (RecursionError, MemoryError):
        return "it is nested too deeply"
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return " ".join(str(error).split())
    return None
