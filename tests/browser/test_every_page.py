"""Every page is usable by everybody who may open it: narrow, dark, and by a screen reader; none is left out."""

from __future__ import annotations

import pytest

from tests.browser.conftest import SignedIn
from tests.browser.every_page import OVERFLOWS, STRANGER, Site, every_route, make_site, serious
from tests.feedback.scene import Scene

pytestmark = pytest.mark.browser
NOT_THEIRS = ("404", "status of 4")
"""An annotator's answer is no page of the admin's, whatever their role; it is asked for all the same."""


@pytest.fixture
def site(scene: Scene) -> Site:
    return make_site(scene)


def test_no_page_is_left_out(site: Site) -> None:
    assert every_route() == set(site.pages)


@pytest.mark.parametrize(
    ("role", "scheme"),
    [
        ("admin", "light"),
        ("admin", "dark"),
        ("operator", "light"),
        ("annotator", "dark"),
        ("viewer", "light"),
        (STRANGER, "dark"),
    ],
)
def test_axe_finds_nothing_serious_on_any(
    signed_in: SignedIn, site: Site, expected_errors: list[str], role: str, scheme: str
) -> None:
    expected_errors.extend(NOT_THEIRS)
    page = signed_in(site.people.get(role, site.people["viewer"]), color_scheme=scheme)
    if role == STRANGER:
        page.context.clear_cookies()
    opened = site.of(role)
    assert opened
    for address in opened:
        page.goto(address)
        assert serious(page) == [], address


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_is_wider_than_a_phone(
    signed_in: SignedIn, site: Site, expected_errors: list[str], width: int
) -> None:
    expected_errors.extend(NOT_THEIRS)
    for role in ("admin", "annotator"):
        page = signed_in(site.people[role], viewport={"width": width, "height": 640})
        for address in site.of(role):
            page.goto(address)
            assert not page.evaluate(OVERFLOWS), address


def test_every_page_has_one_heading_and_a_title(
    signed_in: SignedIn, site: Site, expected_errors: list[str]
) -> None:
    expected_errors.extend(NOT_THEIRS)
    page = signed_in(site.people["admin"])
    untitled = []
    for address in [*site.of("admin"), "/no/such/page/"]:
        page.goto(address)
        assert page.locator("h1").count() == 1, address
        if page.title() in {"", "Handgrad", "Handgrad · Handgrad"}:
            untitled.append(address)
    assert untitled == []


def test_the_first_tab_skips_to_the_page(signed_in: SignedIn, site: Site) -> None:
    page = signed_in(site.people["admin"])
    page.goto("/runs/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
