"""Messages come late, in any order and three times each: the database ends up the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from celery import Task

from optimization.models import Run
from tests.chaos.scale import tally, times
from tests.chaos.scene import (
    CountingEndpoint,
    Person,
    assert_nothing_lost_nothing_twice,
    going,
    story,
)
from workers.nudges import nudge_run
from workers.process import Process
from workers.sweeper import sweep

pytestmark = [pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]
COPIES = 3


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, process: Process) -> list[tuple[Task[[int], None], int]]:
    """Every message that is sent from now on, three times, none of them delivered."""
    sent: list[tuple[Task[[int], None], int]] = []
    monkeypatch.setattr("workers.nudges._send", lambda task, run: sent.extend([(task, run)] * COPIES))
    monkeypatch.setattr("workers.process._process", process)
    return sent


def test_every_message_three_times_and_shuffled(
    post: list[tuple[Task[[int], None], int]],
    begin: Callable[..., Run],
    endpoint: CountingEndpoint,
    person: Person,
    undisturbed: dict[str, Any],
) -> None:
    delivered = 0
    person.copies = COPIES
    for seed in range(times(1, 50)):
        dice = random.Random(seed)
        run = begin()
        nudge_run(run.pk)
        while post or going(run):
            if not post:
                person.answer(run)
                sweep()
            if post:
                task, run_id = post.pop(dice.randrange(len(post)))
                task.run(run_id)
                delivered += 1
        assert_nothing_lost_nothing_twice(run, person)
        assert story(run) == undisturbed
    tally("Messages three times, shuffled", delivered=delivered, stories=f"{times(1, 50)} byte-equal")
