"""What an answer and the next item cost: statements are counted, so that the way from one to the other stays short."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.models import Answer, Draft
from tests.feedback.scene import Scene, rubric
from tests.feedback.test_desk import FRAGMENT, form_of

LATELY = {**FRAGMENT, "Desk-Counted": "lately"}
GIVEN = {"score": "2", "improvements": "Say when"}


@pytest.fixture
def desk(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def queue(scene: Scene) -> Scene:
    for text in ("One", "Two", "Three"):
        scene.ask(rubric(text))
    return scene


def test_an_answer_and_the_next_item_are_two_short_transactions(
    desk: Client, queue: Scene, django_assert_max_num_queries
) -> None:
    address, fields = form_of(desk)
    # Who asks: 2. The question and whether it was answered: 2. The answer: 8. The claim: 7. The draft: 1.
    with django_assert_max_num_queries(20):
        reply = desk.post(address, {**fields, **GIVEN}, headers=LATELY)
    assert "Two" in reply.content.decode()
    assert Answer.objects.count() == 1


def test_the_item_ahead_is_reserved_in_one(desk: Client, queue: Scene, django_assert_max_num_queries) -> None:
    form_of(desk)
    with django_assert_max_num_queries(14):
        reply = desk.get("/judge/ahead/", headers=FRAGMENT)
    assert "Two" in reply.content.decode()


def test_the_line_of_counts_comes_unless_the_browser_counts(desk: Client, queue: Scene) -> None:
    address, fields = form_of(desk)
    counted = desk.post(address, {**fields, **GIVEN}, headers=LATELY).content.decode()
    assert 'id="counts"' not in counted
    assert 'id="undo"' in counted
    address, fields = form_of(desk)
    assert 'id="counts"' in desk.post(address, {**fields, **GIVEN}, headers=FRAGMENT).content.decode()


def test_a_page_without_scripts_has_its_counts(desk: Client, queue: Scene) -> None:
    assert 'id="counts"' in desk.get("/judge/", headers={"Desk-Counted": "lately"}).content.decode()


def test_an_empty_desk_is_counted(desk: Client, scene: Scene) -> None:
    scene.ask()
    address, fields = form_of(desk)
    html = desk.post(address, {**fields, **GIVEN}, headers=LATELY).content.decode()
    assert "data-empty" in html
    assert '<span data-count="today">1</span>' in html


def test_the_answer_takes_the_draft_with_it(desk: Client, queue: Scene) -> None:
    address, fields = form_of(desk)
    desk.post(address.replace("answer", "keep"), {**fields, "improvements": "Half a thought"})
    assert Draft.objects.count() == 1
    desk.post(address, {**fields, **GIVEN}, headers=LATELY)
    assert not Draft.objects.exists()
