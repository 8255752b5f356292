"""The regex verifier reads patterns as Python does, and gives up on one that takes too long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.losses import VerifierLoss, patterns
from optimization.losses.patterns import Pattern
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
