"""The operators' pages are usable by everybody: narrow, dark, zoomed, and by a screen reader."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page

from optimization.feedback.services import request_skip
from optimization.models import Endpoint, Membership, RunState, WorkState
from tests.browser.conftest import SignedIn
from tests.factories import (
    make_effect,
    make_item,
    make_iteration,
    make_review,
    make_run,
    make_stopped,
    make_waiting,
)
from tests.feedback.scene import Scene

pytestmark = pytest.mark.browser

OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def ada(scene: Scene) -> User:
    user = User.objects.create_user("ada", first_name="Ada")
    Membership.objects.create(workspace=scene.workspace, user=user, role="admin")
    return user


@pytest.fixture
def addresses(scene: Scene, ada: User, dana: User) -> list[str]:
    """Every page that an operator or an admin opens, with something on it."""
    endpoint = Endpoint.objects.create(
        workspace=scene.workspace, name="default", model="rehearsal", is_rehearsal=True
    )
    waiting = make_run(scene.workspace, ada)
    make_iteration(waiting, 0.52, [dana])
    make_iteration(waiting, 0.66, [dana])
    make_waiting(waiting, [dana])
    stuck = make_run(scene.workspace, ada, name="A run that needs attention")
    make_stopped(stuck, RunState.NEEDS_ATTENTION, "The endpoint default refused the key. Enter it again.")
    asks = make_run(scene.workspace, ada, name="A run that asks before each step")
    review = make_review(asks, dana)
    unjudged = make_run(scene.workspace, ada, name="A run that nobody can judge")
    (question,) = make_waiting(unjudged, [dana], given=0, wanted=1)
    for member in scene.workspace.memberships.select_related("user"):
        request_skip(request=question, user=member.user, reason="I do not know the shop")
    failing = make_effect(unjudged, "evaluate", 3, timezone.now())
    make_item(
        failing, 2, WorkState.DUE, errors=1, last_error="The endpoint default cut its reply in the middle."
    )
    return [
        "/",
        "/runs/",
        "/runs/?show=cancelled",
        "/runs/launch/",
        f"/runs/{waiting.pk}/",
        f"/runs/{waiting.pk}/cancel/",
        f"/runs/{waiting.pk}/prompts/",
        f"/runs/{waiting.pk}/prompts/{waiting.parameter_versions.latest('pk').pk}/",
        f"/runs/{waiting.pk}/without/",
        f"/runs/{waiting.pk}/iterations/1/",
        f"/runs/{waiting.pk}/iterations/3/",
        f"/runs/{stuck.pk}/",
        f"/runs/{asks.pk}/",
        f"/runs/{unjudged.pk}/",
        f"/runs/{unjudged.pk}/stuck/",
        f"/runs/{asks.pk}/proposals/{review.pk}/",
        "/programs/",
        "/programs/support-reply/",
        "/programs/import/",
        "/data/",
        "/data/support-tickets/",
        "/data/import/",
        "/endpoints/",
        f"/endpoints/{endpoint.pk}/",
        "/queue/",
        "/queue/quality/",
        "/queue/gold/",
        "/queue/reviews/",
        "/people/",
        "/people/tokens/",
        "/people/invitations/",
        "/people/panels/",
        "/people/mail/",
        "/no/such/page/",
    ]


def serious(page: Page) -> list[str]:
    """Axe's serious and critical findings, each with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {node['target']} {node.get('failureSummary', '')}"
        for finding in found
        if finding["impact"] in {"serious", "critical"}
        for node in finding["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    signed_in: SignedIn, addresses: list[str], ada: User, expected_errors: list[str], scheme: str
) -> None:
    expected_errors.append("404")
    page = signed_in(ada, color_scheme=scheme)
    for address in addresses:
        page.goto(address)
        assert serious(page) == [], address


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_is_wider_than_a_phone(
    signed_in: SignedIn, addresses: list[str], ada: User, expected_errors: list[str], width: int
) -> None:
    expected_errors.append("404")
    page = signed_in(ada, viewport={"width": width, "height": 640})
    for address in addresses:
        page.goto(address)
        assert not page.evaluate(OVERFLOWS), address


def test_every_page_has_one_heading_and_a_title_of_its_own(
    signed_in: SignedIn, addresses: list[str], ada: User, expected_errors: list[str]
) -> None:
    expected_errors.append("404")
    page = signed_in(ada)
    titles = []
    for address in addresses:
        page.goto(address)
        assert page.locator("h1").count() == 1, address
        titles.append(page.title())
    assert len(set(titles)) >= len(addresses) - 1  # the table of runs, filtered, is the same page


def test_the_first_tab_skips_to_the_page(signed_in: SignedIn, addresses: list[str], ada: User) -> None:
    page = signed_in(ada)
    page.goto("/runs/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
