"""An empty desk fills by itself: at once over the socket, and at intervals without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.models import Answer
from tests.browser.conftest import SignedIn
from tests.browser.serving import Server, elsewhere
from tests.feedback.scene import Scene, rubric

pytestmark = pytest.mark.browser


def ask_elsewhere(scene: Scene, text: str) -> None:
    elsewhere(lambda: scene.ask(rubric(text)))


@pytest.fixture
def page(server: str, signed_in_at: Callable[..., Page], dana: User) -> Page:
    """An empty desk whose socket is open."""
    page = signed_in_at(server, dana)
    page.goto("/judge/")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    expect(page.get_by_text("Connected. What arrives appears here at once.")).to_be_visible()
    return page


def test_a_new_item_appears_within_two_seconds_without_reload_or_stolen_focus(
    page: Page, scene: Scene
) -> None:
    page.evaluate("window.sameDocument = true")
    link = page.get_by_role("link", name="My answers")
    link.focus()
    ask_elsewhere(scene, "Fresh from the run")
    expect(page.locator(".item__text .reading")).to_have_text("Fresh from the run", timeout=2_000)
    expect(link).to_be_focused()
    assert page.evaluate("window.sameDocument") is True
    expect(page.get_by_role("status").filter(has_text="A new item is here.")).to_have_count(1)


def test_what_arrives_while_one_judges_changes_the_counts_alone(page: Page, scene: Scene) -> None:
    ask_elsewhere(scene, "First")
    expect(page.locator(".item__text .reading")).to_have_text("First", timeout=2_000)
    page.keyboard.press("i")
    page.keyboard.type("Half a thought")
    ask_elsewhere(scene, "Second")
    expect(page.locator("#counts")).to_contain_text("1 waiting", timeout=13_000)
    expect(page.locator(".item__text .reading")).to_have_text("First")
    expect(page.get_by_label("What would make it better?")).to_be_focused()


def test_a_server_that_is_killed_during_a_submit_costs_nothing_and_is_followed_again(
    page: Page, scene: Scene, uvicorn: Server, expected_errors: list[str]
) -> None:
    expected_errors.extend(["ERR_CONNECTION", "WebSocket"])
    ask_elsewhere(scene, "First")
    ask_elsewhere(scene, "Second")
    expect(page.locator(".item__text .reading")).to_have_text("First")
    expect(page.locator("#desk[data-here='1']")).to_have_count(1)
    page.route("**/answer/", lambda route: (uvicorn.kill(), route.continue_()))
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second")
    expect(page.locator("#away")).to_be_visible()
    expect(page.get_by_role("button", name="1 answer to send")).to_be_visible()
    page.unroute("**/answer/")
    uvicorn.start()
    expect(page.locator("#outbox")).to_be_hidden(timeout=30_000)
    expect(page.locator("#away")).to_be_hidden(timeout=30_000)
    assert Answer.objects.get().body["score"] == 5.0


def test_without_a_socket_the_desk_looks_by_itself(signed_in: SignedIn, scene: Scene, dana: User) -> None:
    page = signed_in(dana)
    page.clock.install()
    page.goto("/judge/")
    expect(page.get_by_text("Not connected. This page looks again every 20 seconds.")).to_be_visible()
    ask_elsewhere(scene, "Found by looking")
    page.clock.run_for(21_000)
    expect(page.locator(".item__text .reading")).to_have_text("Found by looking")
