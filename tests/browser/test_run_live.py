"""A run's page follows the run: at once over the socket, at intervals without it, and nothing moves for nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.models import Audience, Membership, Run
from optimization.runs.events import event_emit
from optimization.runs.services import run_pause
from tests.browser.conftest import SignedIn
from tests.browser.serving import elsewhere
from tests.factories import make_answer, make_iteration, make_run, make_waiting
from tests.feedback.scene import Scene

pytestmark = pytest.mark.browser


@pytest.fixture
def ines(scene: Scene) -> User:
    user = User.objects.create_user("ines", first_name="Ines")
    Membership.objects.create(workspace=scene.workspace, user=user, role="operator")
    return user


@pytest.fixture
def run(scene: Scene, ines: User, dana: User) -> Run:
    """Two iterations done, the third waits for people."""
    run = make_run(scene.workspace, ines)
    make_iteration(run, 0.52, [dana])
    make_iteration(run, 0.66, [dana])
    make_waiting(run, [dana])
    return run


@pytest.fixture
def page(server: str, signed_in_at: Callable[..., Page], run: Run, ines: User) -> Page:
    """The run's page with its socket open."""
    page = signed_in_at(server, ines)
    with page.expect_websocket() as sockets:
        page.goto(f"/runs/{run.pk}/")
    sockets.value.wait_for_event("framereceived")
    page.evaluate("window.sameDocument = true")
    return page


def answer_one(run: Run, user: User) -> None:
    request = run.feedback_requests.filter(state="open", audience=Audience.PEOPLE).first()
    assert request
    make_answer(request, user, score=5, number=7)
    event_emit(run.pk, "answer")


def test_what_happens_is_shown_within_two_seconds_without_reload(page: Page, run: Run, dana: User) -> None:
    expect(page.locator("[data-state]")).to_have_text("Waiting for people: 5 of 8, about 2 min")
    elsewhere(lambda: answer_one(run, dana))
    expect(page.locator("[data-state]")).to_have_text(
        "Waiting for people: 6 of 8, about 2 min", timeout=2_000
    )
    expect(page.locator("[data-announce]")).to_have_text("Waiting for people: 6 of 8, about 2 min")
    assert page.evaluate("window.sameDocument") is True


def test_focus_and_what_was_unfolded_stay_while_parts_are_exchanged(page: Page, run: Run, dana: User) -> None:
    page.get_by_text("The curve as a table").click()
    link = page.get_by_role("link", name="Pause")
    link.focus()
    elsewhere(lambda: _scored(run))
    expect(page.locator("#curve-table").get_by_role("cell", name="0.71")).to_be_visible(timeout=2_000)
    elsewhere(lambda: answer_one(run, dana))
    expect(page.locator("[data-state]")).to_contain_text("6 of 8", timeout=2_000)
    expect(link).to_be_focused()


def test_nothing_is_exchanged_when_nothing_has_happened(page: Page, run: Run) -> None:
    page.evaluate(
        "() => { window.moved = 0; new MutationObserver(() => window.moved++)"
        ".observe(document.querySelector('[data-run]'), { childList: true, subtree: true, attributes: true }) }"
    )
    with page.expect_response("**/live/**") as answer:
        elsewhere(lambda: event_emit(run.pk, "nothing to see"))
    assert answer.value.status == 204
    assert page.evaluate("window.moved") == 0


def test_a_pause_by_somebody_else_changes_the_buttons(page: Page, run: Run, ines: User) -> None:
    elsewhere(lambda: run_pause(run=run, user=ines))
    expect(page.get_by_role("link", name="Resume")).to_be_visible(timeout=2_000)
    expect(page.get_by_role("link", name="Pause")).to_have_count(0)


def test_a_deed_is_asked_for_in_a_dialog_that_escape_leaves(page: Page, run: Run) -> None:
    page.get_by_role("link", name="Pause").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("questions stay open, and answers count when the run goes on")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Pause").click()
    dialog.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-state]")).to_have_text("Paused by Ines")


def test_the_curve_is_drawn_with_its_last_value(page: Page) -> None:
    expect(page.locator(".curve canvas")).to_have_count(1)
    chart = page.get_by_role("img", name="Score on held-out examples: 0.41 at the start, 0.66")
    expect(chart).to_be_visible()


def test_without_a_socket_the_page_looks_by_itself(
    signed_in: SignedIn, run: Run, ines: User, dana: User
) -> None:
    page = signed_in(ines)
    page.clock.install()
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-state]")).to_contain_text("5 of 8")
    elsewhere(lambda: answer_one(run, dana))
    page.clock.run_for(21_000)
    expect(page.locator("[data-state]")).to_contain_text("6 of 8")


def _scored(run: Run) -> None:
    run.scores.create(position=3, split="test", candidate="c", mean=0.71, stderr=0.04, count=8)
    event_emit(run.pk, "score")
