"""Workers whose clocks are wrong: leases and holds go by the database's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimization.models import Claim, ClaimState, Run, WorkItem
from tests.chaos.arena import PRODUCTION, Arena
from tests.chaos.scale import tally
from tests.chaos.scene import CountingEndpoint, Person, finishes, story

pytestmark = [pytest.mark.stack, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
WRONG = 600.0


@pytest.mark.parametrize("clocks", [(WRONG, 0.0, -WRONG), (WRONG,)], ids=["beside right ones", "alone"])
def test_a_clock_that_is_ten_minutes_off_steals_nothing_and_ends_nothing_early(
    clocks: tuple[float, ...],
    tmp_path: Any,
    begin: Callable[..., Run],
    endpoint: CountingEndpoint,
    person: Person,
    undisturbed: dict[str, Any],
) -> None:
    with Arena(tmp_path, **{**PRODUCTION, "HANDGRAD_SWEEP_SECONDS": "0.2"}) as arena:
        for clock in clocks:
            arena.start_worker(clock=clock)
            arena.start("sweeper", clock=clock)
        run = begin()
        finishes(run, arena, person)

    items = WorkItem.objects.filter(run=run)
    assert not items.filter(losses__gt=0).exists(), "a lease was taken for expired"
    assert not Claim.objects.filter(request__run=run, state=ClaimState.LAPSED).exists()
    assert story(run) == undisturbed
    tally(f"Clocks off by {WRONG / 60:g} minutes", workers=len(clocks), leases_lost=0, stories="1 byte-equal")
