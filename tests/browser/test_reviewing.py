"""A reviewer decides a disagreement by an answer of their own: the desk's form, by keys, on a phone too."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.feedback.services import answer_submit, claim_next
from optimization.losses.questions import Aspect, PreferenceQuestion, Question, RankingQuestion
from optimization.models import Adjudication, Role
from tests.browser.conftest import SignedIn
from tests.browser.every_page import OVERFLOWS, serious
from tests.feedback.scene import LEVELS, Scene, rubric

pytestmark = pytest.mark.browser

ASPECTS = rubric(
    aspects=(Aspect(name="Facts"), Aspect(name="Tone")), levels=LEVELS[2:], require_feedback=False
)
PAIR = PreferenceQuestion(criteria="Which is kinder?", outputs=("Hello.", "Hi Dana."), require_reason=False)
ORDER = RankingQuestion(criteria="Which is kindest?", outputs=("Hello.", "Hi Dana.", "Dear Dana,"))


def dispute(scene: Scene, question: Question, *bodies: dict[str, Any]) -> None:
    asked = scene.ask(question, wanted=2, review_below=0.99)
    for name, body in zip(("ann", "ben"), bodies, strict=True):
        user = User.objects.filter(username=name).first() or scene.person(name)
        claim = claim_next(workspace=scene.workspace, user=user)
        assert claim
        answer_submit(request=asked, user=user, fence=claim.fence, client_key=f"{asked.pk}", body=body)


@pytest.fixture
def reviewer(scene: Scene) -> User:
    return scene.person("olga", role=Role.OPERATOR)


def test_an_answer_of_ones_own_decides_by_keys_on_a_phone(
    signed_in: SignedIn, scene: Scene, reviewer: User
) -> None:
    dispute(scene, ASPECTS, {"scores": {"Facts": 3, "Tone": 3}}, {"scores": {"Facts": 5, "Tone": 5}})
    dispute(scene, PAIR, {"choice": "A"}, {"choice": "B"})
    dispute(scene, ORDER, {"ranks": [1, 2, 3]}, {"ranks": [3, 2, 1]})
    page = signed_in(reviewer, viewport={"width": 360, "height": 740})
    page.goto("/queue/reviews/")
    for criteria, keys, said in (
        ("Does the reply solve", "13", {"scores": {"Facts": 3.0, "Tone": 5.0}}),
        ("Which is kinder?", "t", {"choice": "tie"}),
        ("Which is kindest?", "231", {"ranks": [3, 1, 2]}),
    ):
        expect(page.get_by_role("heading", name=criteria)).to_be_visible()
        assert not page.evaluate(OVERFLOWS)
        assert serious(page) == []
        decide_by_keys(page, keys)
        expect(page.get_by_text("Decided: the run goes on with it.")).to_be_visible()
        body = Adjudication.objects.latest("pk").body
        assert said.items() <= body.items()


def test_what_is_missing_is_led_to(signed_in: SignedIn, scene: Scene, reviewer: User) -> None:
    dispute(scene, ORDER, {"ranks": [1, 2, 3]}, {"ranks": [3, 2, 1]})
    page = signed_in(reviewer)
    page.goto("/queue/reviews/")
    expect(page.get_by_role("heading", name="Which is kindest?")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    missing = page.locator("#ranks-error")
    expect(missing).to_be_focused()
    expect(missing).to_be_in_viewport()
    page.keyboard.press("2")
    expect(missing).to_have_count(0)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Decided: the run goes on with it.")).to_be_visible()
    assert Adjudication.objects.get().body["ranks"] == [1, 2, 3]


def test_what_is_typed_outlives_a_reload(signed_in: SignedIn, scene: Scene, reviewer: User) -> None:
    dispute(scene, PAIR, {"choice": "A"}, {"choice": "B"})
    page = signed_in(reviewer)
    page.goto("/queue/reviews/")
    page.keyboard.press("t")
    page.get_by_label("Why this decision?").fill("They differ in a word.")
    page.reload()
    expect(page.get_by_role("radio", name="Tie")).to_be_checked()
    expect(page.get_by_label("Why this decision?")).to_have_value("They differ in a word.")
    page.get_by_role("button", name="Take this answer of annotator 2").click()
    expect(page.get_by_text("Decided: the run goes on with it.")).to_be_visible()
    made = Adjudication.objects.get()
    assert (made.body["choice"], made.reason) == ("B", "They differ in a word.")


def decide_by_keys(page: Page, keys: str) -> None:
    page.keyboard.press("Enter")  # nothing chosen yet: the page says what is missing, and keeps what is there
    expect(page.locator(".errorlist").first).to_be_visible()
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
