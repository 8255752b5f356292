"""The regex verifier reads patterns as Python does, and gives up on one that takes too long."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from optimization.core import patterns
from optimization.core.patterns import Pattern
from optimization.losses import VerifierLoss
from optimization.trainers import MinibatchAlgorithm
from tests.trainers.agents import Writer

SLOW = r"(a|aa)+$"
HARD = "a" * 60 + "!"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT", 0.05)


@pytest.mark.usefixtures("short")
async def test_a_pattern_that_takes_too_long_is_an_error_that_names_it_and_the_outputs_length() -> None:
    with pytest.raises(
        ValueError, match=r"The pattern '\(a\|aa\)\+\$' .* 0.05 s on an output of 61 characters"
    ):
        await VerifierLoss({"name": "regex", "pattern": SLOW})(HARD)


@pytest.mark.usefixtures("short")
async def test_it_costs_that_example_alone() -> None:
    loss = VerifierLoss({"name": "regex", "pattern": SLOW})
    trainer = MinibatchAlgorithm()
    for inputs, expected in (([HARD, "b:a"], 0.5), ([HARD], 0.0)):
        program = Writer("a")
        score = await trainer.evaluate(program, loss, inputs, [None] * len(inputs), min_score=0.0)
        assert score == expected


@given(
    st.text(r"ab{}s1,\N ", max_size=12),
    st.text(r"ab{}s1, ", max_size=12),
    st.booleans(),
)
def test_a_pattern_matches_what_pythons_own_does(pattern: str, text: str, full: bool) -> None:
    try:
        own = re.compile(pattern)
    except re.error:
        with pytest.raises(re.error):
            Pattern(pattern)
        return
    matched = own.fullmatch(text) if full else own.search(text)
    assert Pattern(pattern).matches(text, full=full) == (matched is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("(lamp){e}", "xyz", False),
        ("Dear {name}", "Dear {name}", True),
        (r"\{s}", "{s}", True),
        (r"\\{e}", r"\{e}", True),
        (r"a\N{BULLET}{2}", "a••", True),
        ("[{]e", "{e", True),
        (r"^\d{1,3}(,\d{3})*$", "1,000", True),
    ],
)
def test_braces_are_a_repetition_or_themselves(pattern: str, text: str, found: bool) -> None:
    assert bool(re.search(pattern, text)) is Pattern(pattern).matches(text) is found


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"items": {"pattern": SLOW}}, [HARD]),
        ({"patternProperties": {SLOW: {}}}, {HARD: 1}),
        ({"additionalProperties": False, "patternProperties": {SLOW: {}}}, {HARD: 1}),
    ],
    ids=["pattern", "patternProperties", "additionalProperties"],
)
async def test_a_schemas_patterns_keep_to_the_limit_too(schema: dict[str, Any], data: Any) -> None:
    with pytest.raises(ValueError, match="found no end within 0.05 s"):
        await VerifierLoss({"name": "json_schema", "schema": schema})(json.dumps(data))


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"n_a": 1, "id": "A1"}, None),
        ({"n_a": "1"}, "$.n_a: '1' is not of type 'integer'"),
        ({"m_a": 1}, "$: Additional properties are not allowed ('m_a' was unexpected)"),
        ({"id": "a1"}, "$.id: 'a1' does not match '^[A-Z]'"),
    ],
)
async def test_they_mean_what_they_mean_in_any_schema(data: dict[str, Any], wrong: str | None) -> None:
    schema = {
        "properties": {"id": {"pattern": "^[A-Z]"}},
        "patternProperties": {"^n_": {"type": "integer"}},
        "additionalProperties": False,
    }
    value = await VerifierLoss({"name": "json_schema", "schema": schema})(json.dumps(data))
    assert value.payload == ([] if wrong is None else [[f"The output's JSON is wrong at {wrong}."]])
    assert Draft202012Validator(schema).is_valid(data) is (wrong is None)


def test_a_schema_whose_pattern_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no valid JSON schema: .*'\(' is not a 'regex'"):
        VerifierLoss({"name": "json_schema", "schema": {"properties": {"a": {"pattern": "("}}}})
