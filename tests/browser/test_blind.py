"""Whatever the browser is sent while one judges, nothing of it tells who wrote a text or how it was judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, Response, expect

from optimization.models import Answer
from tests.browser.serving import elsewhere
from tests.feedback.scene import Scene
from tests.feedback.test_showings import SECRETS, ask_pair

pytestmark = pytest.mark.browser
PAIRS = 5


def test_neither_the_page_nor_its_traffic_names_a_model_a_version_or_a_score(
    server: str, signed_in_at: Callable[..., Page], scene: Scene, dana: User
) -> None:
    elsewhere(lambda: [ask_pair(scene, number) for number in range(PAIRS)])
    page = signed_in_at(server, dana)
    said: list[str] = []
    page.on("response", lambda response: said.append(text_of(response)))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: said.append(str(frame))))
    page.goto("/judge/")
    for number in range(PAIRS):
        item = page.locator("#verdict").get_attribute("action")
        said.append(page.content())
        page.keyboard.press("h")
        expect(page.get_by_role("dialog", name="How it will be read")).to_be_visible()
        for key in ("Escape", "t", "i", "x", "Control+Enter"):
            page.keyboard.press(key)
        if number < PAIRS - 1:
            expect(page.locator("#verdict")).not_to_have_attribute("action", item or "")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert Answer.objects.count() == PAIRS
    everything = "\n".join(said)
    assert "From A 0" in everything
    assert [secret for secret in SECRETS[:2] + SECRETS[3:4] if secret in everything] == []


def text_of(response: Response) -> str:
    """The headers and the body of what came; of a redirect or a file of the page itself, the headers."""
    kinds = ("text/html", "application/json")
    headers = str(response.headers)
    if response.status >= 300 or not response.headers.get("content-type", "").startswith(kinds):
        return headers
    return headers + response.text()
