"""The commands that start the rehearsal's parts, where they refuse to."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from optimization.rehearsal.faults import OK, Fault, FaultPlan, FaultPlanError


def test_the_endpoint_refuses_a_plan_that_it_cannot_read_and_lists_what_there_is() -> None:
    with pytest.raises(CommandError, match=r"No such fault: 'meteor'.*half-closed"):
        call_command("rehearsal_endpoint", "--faults", "429,meteor")


def test_without_colleagues_the_command_says_who_makes_them(db) -> None:
    with pytest.raises(CommandError, match=r"manage\.py up"):
        call_command("rehearsal_colleagues")


def test_a_sequence_happens_once_and_then_the_rates() -> None:
    plan = FaultPlan.parse("429=0.5*2, ok, 500@1")
    happened = [plan.next() for _ in range(5)]
    assert happened == [Fault("429", 0.5), Fault("429", 0.5), OK, Fault("500"), Fault("500")]


@pytest.mark.parametrize("plan", ["429*", "500@often", "teapot", "ok=x"])
def test_what_is_no_plan_is_an_error(plan: str) -> None:
    with pytest.raises(FaultPlanError):
        FaultPlan.parse(plan)
