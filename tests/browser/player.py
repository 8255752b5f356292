"""What a person does in the browser of a stack that `manage.py up` has started."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.house.up import Up

PATIENCE = 60_000


def signed_in(browser: Browser, up: Up, role: str) -> Page:
    page = browser.new_context(base_url=up.address).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/sign-in/")
    page.get_by_label("Name").fill(role)
    page.get_by_label("Password").fill(up.password(role))
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("sign-in"))
    return page


def judge_one(page: Page, remarks: list[str], level: str = "2") -> None:
    """Judge the item that is open, with keys alone, and be led to the next."""
    criteria = page.locator("#criteria")
    expect(criteria).to_be_visible(timeout=PATIENCE)
    item = page.locator("#desk form#verdict").get_attribute("action")
    page.keyboard.press(level)
    page.keyboard.press("i")
    page.keyboard.type("\n".join(remarks))
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "was => document.querySelector('#desk form#verdict')?.getAttribute('action') !== was", arg=item
    )
