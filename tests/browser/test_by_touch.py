"""An annotator with a telephone: each way of judging with taps alone, on 360 pixels."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.losses.questions import Aspect, FeedbackQuestion, PreferenceQuestion, RankingQuestion
from optimization.models import Answer, Showing
from tests.browser.conftest import SignedIn
from tests.feedback.scene import Scene, rubric

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(signed_in: SignedIn, dana: User) -> Page:
    return signed_in(dana, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)


def send(page: Page) -> None:
    page.get_by_role("button", name="Send and next").tap()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()


def test_a_rubric_of_several_criteria(phone: Page, scene: Scene) -> None:
    scene.ask(rubric("A reply", aspects=(Aspect(name="Facts"), Aspect(name="Tone"))))
    phone.goto("/judge/")
    for name in ("Facts", "Tone"):
        phone.get_by_role("group", name=name).get_by_text("Fully").tap()
    send(phone)
    assert Answer.objects.get().body["scores"] == {"Facts": 5.0, "Tone": 5.0}


def test_a_pair(phone: Page, scene: Scene) -> None:
    scene.ask(PreferenceQuestion(criteria="Which?", outputs=("One", "Two")))
    phone.goto("/judge/")
    second = phone.locator("[data-side]").nth(1)
    expect(second).to_contain_text("Second")
    shown = second.locator(".reading").inner_text()
    second.locator(".reading").tap()
    phone.get_by_label("Why?").fill("It is kinder")
    send(phone)
    given = Answer.objects.get()
    assert given.request.question["outputs"]["AB".index(given.body["choice"])] == shown


def test_a_ranking(phone: Page, scene: Scene) -> None:
    scene.ask(RankingQuestion(criteria="", outputs=("One", "Two", "Three")))
    phone.goto("/judge/")
    for number in (3, 1, 2):
        phone.get_by_role("button", name=f"Text {number} comes next").tap()
    send(phone)
    order, ranks = Showing.objects.get().order, Answer.objects.get().body["ranks"]
    assert [ranks[output] for output in order] == [2, 3, 1]


def test_free_feedback(phone: Page, scene: Scene) -> None:
    scene.ask(FeedbackQuestion(criteria="", output="A plan"))
    phone.goto("/judge/")
    phone.locator("#verdict").get_by_text("Nothing to improve").tap()
    send(phone)
    assert Answer.objects.get().body["improvements"] == []


def test_keys_are_not_shown_on_buttons_and_the_bar_leaves_room_to_read(phone: Page, scene: Scene) -> None:
    scene.ask(rubric("A reply"))
    phone.goto("/judge/")
    expect(phone.locator("#skip .key")).to_be_hidden()
    box = phone.locator("#bar").bounding_box()
    assert box
    assert box["height"] < 740 / 6
