"""The cases that we wrote: well formed, varied, and such that a prompt makes a difference to each."""

from __future__ import annotations

from collections import Counter

import pytest

from optimization.rehearsal.asking import named_in
from optimization.rehearsal.judge import judge
from optimization.rehearsal.writer import write
from tests.rehearsal.conftest import NOTES, TICKETS, brief_of

ROWS = [*TICKETS, *NOTES]
PLAIN = "Write the text."


def test_the_tickets_are_split_into_24_to_learn_from_8_to_choose_by_and_16_to_measure_with() -> None:
    assert Counter(row["split"] for row in TICKETS) == {"train": 24, "validate": 8, "test": 16}
    assert {row["split"] for row in NOTES} == {"train", "validate", "test"}


def test_every_row_has_its_fields_and_no_two_are_alike() -> None:
    assert all(set(row) == {"inputs", "target", "split"} for row in ROWS)
    assert all(set(row["inputs"]) == {"ticket", "customer", "facts"} for row in TICKETS)
    assert all(set(row["inputs"]) == {"text"} for row in NOTES)
    assert len({row["inputs"]["ticket"] for row in TICKETS}) == len(TICKETS)
    assert len({row["inputs"]["customer"] for row in TICKETS}) == len(TICKETS)


def test_the_tickets_vary_in_length_in_script_and_in_tone() -> None:
    tickets = [row["inputs"]["ticket"] for row in TICKETS]
    assert min(map(len, tickets)) < 80
    assert max(map(len, tickets)) > 500
    assert any("🔥" in ticket for ticket in tickets)
    assert any("السلام" in ticket for ticket in tickets)


@pytest.mark.parametrize("row", TICKETS, ids=lambda row: row["inputs"]["customer"])
class TestEveryTicket:
    def test_tells_what_is_needed_to_answer_it(self, row) -> None:
        facts = brief_of(row).facts
        assert {"order", "item", "what happened", "done so far", "next step", "date", "signed by"} <= set(
            facts
        )

    def test_has_a_target_that_names_what_a_good_reply_holds(self, row) -> None:
        assert len(named_in(row["target"])) >= 5

    def test_starts_low_under_a_plain_prompt(self, row) -> None:
        brief = brief_of(row)
        assert judge(write(PLAIN, brief), brief, row["target"]).share < 0.2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["target"][:24])
def test_every_expected_instruction_adds_to_the_answer_until_nothing_is_missing(row) -> None:
    brief, prompt, share = brief_of(row), PLAIN, 0.0
    while missing := judge(write(prompt, brief), brief, row["target"]).missing:
        prompt += "\n" + missing[0].instruction
        verdict = judge(write(prompt, brief), brief, row["target"])
        assert verdict.share > share
        assert missing[0] in verdict.shown
        share = verdict.share
    assert len(write(prompt, brief).split()) < 150
