"""The desk is calm, readable and usable by everybody: narrow, dark, zoomed, and by a screen reader."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.feedback.services import answer_submit, claim_next
from tests.browser.conftest import SignedIn
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
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def pages(scene: Scene, dana: User) -> dict[str, str]:
    """The addresses to look at, by what they show to whom."""
    for _ in range(2):
        scene.ask(rubric(TEXT, target="A reply that names the day"))
    taken = claim_next(workspace=scene.workspace, user=dana)
    assert taken
    answer_submit(request=taken.request, user=dana, fence=taken.fence, client_key="k", body=GOOD)
    return {"item": "/judge/", "answers": "/answers/"}


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_is_wider_than_a_phone(
    signed_in: SignedIn, pages: dict[str, str], dana: User, width: int
) -> None:
    page = signed_in(dana, viewport={"width": width, "height": 640})
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


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {rule['help']}" for rule in found if rule["impact"] in {"serious", "critical"}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    signed_in: SignedIn, pages: dict[str, str], dana: User, scheme: str
) -> None:
    page = signed_in(dana, color_scheme=scheme)
    for address in pages.values():
        page.goto(address)
        assert serious(page) == [], address
    page.goto("/judge/")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose a level.")).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("?")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    assert serious(page) == []
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert serious(page) == []
