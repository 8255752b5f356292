"""Mail when work waits: once a day, to whom it may be, and not to who is at work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from optimization.feedback.services import claim_next
from optimization.models import Membership
from tests.feedback.scene import Scene, let_expire, rubric
from workers.digest import BETWEEN, QUIET, digests_send

LATER = timezone.now() + QUIET + timedelta(minutes=1)


@pytest.fixture
def waits(scene: Scene, dana: User) -> Scene:
    """Two questions for dana, who has an address."""
    dana.email = "dana@example.com"
    dana.save()
    for text in ("One", "Two"):
        scene.ask(rubric(text))
    return scene


def test_a_digest_says_how_much_waits_and_comes_once_a_day(waits: Scene) -> None:
    assert digests_send() == 0
    assert digests_send(LATER) == 1
    assert digests_send(LATER + timedelta(hours=1)) == 0
    assert digests_send(LATER + BETWEEN) == 1
    [first, _] = mail.outbox
    assert (first.subject, first.to) == ("2 outputs to judge in Support team", ["dana@example.com"])
    assert "/judge/" in first.body
    assert "/people/mail/" in first.body


def test_a_near_end_of_time_is_told_at_once(waits: Scene) -> None:
    waits.run.feedback_requests.update(due_at=timezone.now() + timedelta(hours=1))
    assert digests_send() == 1
    assert "only until" in mail.outbox[0].body


def test_nobody_is_written_to_who_is_at_work_or_does_not_want_it(waits: Scene, dana: User) -> None:
    taken = claim_next(workspace=waits.workspace, user=dana)
    assert taken
    assert digests_send(timezone.now()) == 0
    let_expire(taken)
    Membership.objects.filter(user=dana).update(mail_digest=False)
    assert digests_send(LATER) == 0
    assert mail.outbox == []


def test_a_server_of_mail_that_fails_stops_nothing(waits: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("workers.digest.send_mail", refuse)
    assert digests_send(LATER) == 0


def test_everybody_has_a_switch(client: Client, scene: Scene, dana: User) -> None:
    client.force_login(dana)
    assert "Write to me when" in client.get("/people/mail/").content.decode()
    assert client.post("/people/mail/", {"email": "nonsense"}).status_code == 422
    client.post("/people/mail/", {"email": "dana@example.com"})
    dana.refresh_from_db()
    assert dana.email == "dana@example.com"
    assert Membership.objects.get(user=dana).mail_digest is False
