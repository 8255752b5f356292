"""The digest: to whom work waits for, once a day, sooner only for a deadline, and to nobody who has switched it off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone

from optimization.feedback.digest import EVERY, EVERY_NEAR, WAITED, digests_send
from optimization.models import Membership
from tests.feedback.scene import Scene

LATER = WAITED + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _addresses(dana: User) -> None:
    dana.email = "dana@example.org"
    dana.save()


def test_work_that_has_waited_is_told_once_a_day(scene: Scene) -> None:
    scene.ask()
    now = timezone.now()
    assert digests_send(now) == 0
    assert digests_send(now + LATER) == 1
    assert digests_send(now + LATER + timedelta(hours=1)) == 0
    assert digests_send(now + LATER + EVERY + timedelta(minutes=1)) == 1
    assert "1 to judge in Support team" in mail.outbox[0].subject
    assert "1 in “Gentle steps”" in mail.outbox[0].body
    assert "/judge/" in mail.outbox[0].body


def test_a_near_deadline_is_told_sooner(scene: Scene) -> None:
    scene.ask(within=timedelta(hours=1))
    now = timezone.now()
    Membership.objects.update(mailed_at=now - EVERY_NEAR - timedelta(minutes=1))
    assert digests_send(now) == 1
    assert "a deadline is near" in mail.outbox[0].subject


@pytest.mark.parametrize("why_not", [{"mail_digest": False}, {"role": "viewer"}, {"is_rehearsal": True}])
def test_some_are_not_written_to(scene: Scene, why_not: dict[str, object]) -> None:
    scene.ask()
    Membership.objects.update(**why_not)
    assert digests_send(timezone.now() + LATER) == 0


def test_who_has_judged_it_all_hears_nothing(scene: Scene, dana: User) -> None:
    question = scene.ask(wanted=2)
    question.answers.create(user=dana, client_key="k", body={})
    assert digests_send(timezone.now() + LATER) == 0
