"""The desk is calm, readable and usable by everybody: narrow, dark, zoomed, and by a screen reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.feedback.services import answer_submit, claim_next
from optimization.losses.questions import Aspect, FeedbackQuestion, PreferenceQuestion, RankingQuestion
from tests.browser.conftest import SignedIn
from tests.browser.every_page import OVERFLOWS, serious
from tests.feedback.scene import GOOD, Scene, rubric

pytestmark = pytest.mark.browser

TEXT = """Hello Dana,

I have asked for a **free express re-send**, which arrives on Friday.

| step | what happens | when |
|---|---|---|
| 1 | Re-send the parcel | today |

```
a_line_of_code_that_is_far_too_long_for_a_telephone = "and must not push the page wider than it is"
```
"""


@pytest.fixture
def pages(scene: Scene, dana: User) -> dict[str, str]:
    """The addresses to look at, by what they show to whom."""
    for target in ("A reply that names the day", "A reply that names the hour"):
        scene.ask(rubric(TEXT, target=target))
    taken = claim_next(workspace=scene.workspace, user=dana)
    assert taken
    answer_submit(request=taken.request, user=dana, fence=taken.fence, client_key="k", body=GOOD)
    return {"item": "/judge/", "answers": "/answers/"}


def test_nothing_is_wider_than_a_small_phone(signed_in: SignedIn, pages: dict[str, str], dana: User) -> None:
    page = signed_in(dana, viewport={"width": 320, "height": 640})
    for address in pages.values():
        page.goto(address)
        assert not page.evaluate(OVERFLOWS), address
    page.goto("/judge/")
    for sheet in ("?", "s"):
        page.keyboard.press(sheet)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert not page.evaluate(OVERFLOWS)
        page.keyboard.press("Escape")


def test_on_a_phone_the_main_action_is_at_the_thumb(
    signed_in: SignedIn, pages: dict[str, str], dana: User
) -> None:
    page = signed_in(dana, viewport={"width": 360, "height": 640})
    page.goto("/judge/")
    box = page.get_by_role("button", name="Send and next").bounding_box()
    assert box
    assert box["width"] > 300
    assert 480 < box["y"] < 640


def test_the_text_to_judge_is_the_largest_on_the_page(
    signed_in: SignedIn, pages: dict[str, str], dana: User
) -> None:
    page = signed_in(dana)
    page.goto("/judge/")
    sizes = page.evaluate(
        "[...document.querySelectorAll('#desk *')].filter((e) => !e.closest('.unseen'))"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    reading = page.locator(".item__text .reading")
    assert reading.evaluate("(e) => getComputedStyle(e).fontSize") == "20px"
    assert max(sizes) == 20.0


def test_dark_is_dark(signed_in: SignedIn, pages: dict[str, str], dana: User) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = signed_in(dana, color_scheme=scheme)
        page.goto("/judge/")
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(250, 249, 246)", "dark": "rgb(19, 20, 18)"}


def test_tab_reaches_every_control_and_the_focus_is_seen(
    signed_in: SignedIn, pages: dict[str, str], dana: User
) -> None:
    page = signed_in(dana)
    page.goto("/judge/")
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                  const focused = document.activeElement;
                  const shown = focused.closest(".choice") ?? focused;
                  return [focused.id || focused.name || focused.tagName, getComputedStyle(shown).outlineStyle];
                }"""
            )
        )
    assert {"show-keys", "score", "improvements", "skip", "later", "send"} <= {name for name, _ in reached}
    assert [name for name, outline in reached if outline == "none" and name != "BODY"] == []


def tour(page: Page, scene: Scene, dana: User) -> Iterator[str]:
    """Every state of the desk, one after another; gives the name of each while it is shown."""
    aspects = (Aspect(name="Facts", description="Is everything right?"), Aspect(name="Tone"))
    pair = PreferenceQuestion(criteria="Which reply?", outputs=(TEXT, "Short."), context={"ticket": "Late"})
    order = RankingQuestion(criteria="In what order?", outputs=(TEXT, "Short.", "Shorter"), allow_ties=True)
    for question in (rubric(TEXT, target="Names the day"), rubric(TEXT, aspects=aspects), pair, order):
        scene.ask(question, wanted=2)
    scene.ask(FeedbackQuestion(criteria="What should be better?", output=TEXT), wanted=2)
    claim_next(workspace=scene.workspace, user=scene.person("omar"))
    page.goto("/judge/")
    yield "a rubric"
    page.evaluate("document.getSelection().selectAllChildren(document.querySelector('[data-judged] p'))")
    page.keyboard.press("c")
    page.keyboard.type("Kind")
    yield "a comment on words"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose a level.")).to_be_visible()
    yield "a level that is missing"
    for key, name in (("?", "the keys"), ("s", "skipping"), ("h", "how it will be read")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        yield name
        page.keyboard.press("Escape")
    answered(page, "4", "Enter")
    yield "a rubric of aspects"
    answered(page, "4", "5", "Enter")
    yield "a pair"
    answered(page, "t", "i", "x", "Control+Enter")
    page.keyboard.press("2")
    page.keyboard.press("1")
    yield "a ranking"
    page.keyboard.press("Enter")
    expect(page.get_by_text("Give each text a place")).to_be_visible()
    yield "a place that is missing"
    page.keyboard.press("Escape")
    page.locator("#desk").focus()
    answered(page, "3", "Enter")
    yield "free feedback"
    page.keyboard.press("u")
    expect(page.get_by_text("You have answered this.")).to_be_visible()
    yield "an earlier answer"
    page.get_by_role("link", name="Leave it as it is").click()
    expect(page.get_by_text("Nothing to improve")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    yield "an empty desk"
    page.goto("/answers/")
    yield "my answers"
    page.get_by_role("link", name="Mostly").first.click()
    page.get_by_role("link", name="What became of it").click()
    yield "what became of an answer"


def answered(page: Page, *keys: str) -> None:
    """The item is answered by these keys, and the next one is there."""
    item = page.locator("#verdict").get_attribute("action")
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function(
        "was => document.querySelector('#verdict')?.getAttribute('action') !== was", arg=item
    )


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_no_state_of_the_desk_is_hard_to_use_or_wider_than_its_window(
    signed_in: SignedIn, scene: Scene, dana: User, scheme: str, width: int
) -> None:
    page = signed_in(dana, color_scheme=scheme, viewport={"width": width, "height": 760})
    for state in tour(page, scene, dana):
        assert serious(page) == [], state
        assert not page.evaluate(OVERFLOWS), state
