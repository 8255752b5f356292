"""What goes wrong on the way costs no text, and never makes two answers of one."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from optimization.feedback.services import claim_next, requests_withdraw
from optimization.losses.questions import PreferenceQuestion, RankingQuestion
from optimization.models import Answer, Claim, ClaimState, Draft
from tests.browser.conftest import SignedIn
from tests.feedback.scene import Scene, let_expire, rubric

pytestmark = pytest.mark.browser
REMARK = "Say when it comes"


@pytest.fixture
def desk(signed_in: SignedIn, scene: Scene, dana: User) -> Page:
    """The desk with two replies, the first of them judged in part, the second fetched ahead."""
    return judged_in_part(signed_in(dana), scene)


@pytest.fixture
def page(signed_in: SignedIn, scene: Scene, dana: User) -> Page:
    """The same, with nothing fetched ahead."""
    page = signed_in(dana)
    page.route("**/judge/ahead/", lambda route: route.fulfill(status=204))
    return judged_in_part(page, scene)


def judged_in_part(page: Page, scene: Scene) -> Page:
    scene.ask(rubric("First reply"))
    scene.ask(rubric("Second reply"))
    page.goto("/judge/")
    page.keyboard.press("2")
    page.keyboard.press("i")
    page.keyboard.type(REMARK)
    return page


def expect_text(page: Page, reply: str) -> None:
    expect(page.locator(".item__text .reading")).to_have_text(reply)


def expect_draft_intact(page: Page) -> None:
    expect_text(page, "First reply")
    expect(page.get_by_label("What would make it better?")).to_have_value(REMARK)
    expect(page.get_by_role("radio", name="Barely")).to_be_checked()


def send(page: Page) -> None:
    page.keyboard.press("Control+Enter")


def test_a_reload_in_the_middle_of_a_word_loses_nothing(page: Page) -> None:
    page.reload()
    expect_draft_intact(page)


def test_another_browser_shows_the_draft(page: Page, signed_in: SignedIn, dana: User) -> None:
    expect(page.locator("#hold")).to_contain_text("Saved. Held for you for 5 more minutes.")
    elsewhere = signed_in(dana)
    elsewhere.goto("/judge/")
    expect_draft_intact(elsewhere)


def test_every_item_has_a_draft_of_its_own(page: Page) -> None:
    send(page)
    expect_text(page, "Second reply")
    page.keyboard.press("i")
    page.keyboard.type("Another remark")
    expect(page.locator("#hold")).to_contain_text("Saved.")
    page.reload()
    expect_text(page, "Second reply")
    expect(page.get_by_label("What would make it better?")).to_have_value("Another remark")


def test_the_draft_goes_with_the_answer(page: Page) -> None:
    expect(page.locator("#hold")).to_contain_text("Saved.")
    send(page)
    expect_text(page, "Second reply")
    expect(page.get_by_label("What would make it better?")).to_have_value("")
    assert Draft.objects.count() == 0
    drafts = "Object.keys(localStorage).filter((key) => key.startsWith('handgrad.draft.')).length"
    assert page.evaluate(drafts) == 0


def test_an_ended_hold_is_a_choice_and_can_be_taken_up_again(
    signed_in: SignedIn, scene: Scene, dana: User, settings: Any
) -> None:
    settings.CLAIM_SECONDS = 2
    scene.ask(rubric("First reply"))
    page = signed_in(dana)
    page.goto("/judge/")
    page.keyboard.press("2")
    page.keyboard.press("i")
    page.keyboard.type(REMARK)
    expect(page.get_by_text("Your hold has ended.")).to_be_visible()
    expect_draft_intact(page)
    settings.CLAIM_SECONDS = 300
    page.get_by_role("button", name="Go on with it").click()
    expect(page.locator("#hold")).to_contain_text("Held for you for 5 more minutes.")
    expect(page.get_by_text("Your hold has ended.")).to_have_count(0)
    send(page)
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert Answer.objects.count() == 1


def test_an_ended_hold_can_be_left_to_others(
    signed_in: SignedIn, scene: Scene, dana: User, settings: Any
) -> None:
    settings.CLAIM_SECONDS = 1
    scene.ask(rubric("First reply"))
    scene.ask(rubric("Second reply"))
    page = signed_in(dana)
    page.goto("/judge/")
    page.get_by_role("button", name="Leave it to others").click()
    expect_text(page, "Second reply")
    assert Claim.objects.get(request__question__output="First reply").state == ClaimState.RELEASED


def test_a_hold_that_somebody_took_says_so_and_gives_the_text_back(page: Page, scene: Scene) -> None:
    expect(page.locator("#hold")).to_contain_text("Saved.")
    let_expire(Claim.objects.get(ahead=False))
    claim_next(workspace=scene.workspace, user=scene.person("omar"))
    send(page)
    expect(page.get_by_text("somebody else has taken it")).to_be_visible()
    expect_draft_intact(page)
    assert Answer.objects.count() == 0
    page.get_by_role("link", name="Next item").click()
    expect_text(page, "Second reply")


def test_an_ended_session_says_so_and_the_text_is_there_after_signing_in(page: Page, dana: User) -> None:
    Session.objects.all().delete()
    dana.set_password("judge with keys")
    dana.save()
    send(page)
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    expect_draft_intact(page)
    page.get_by_role("link", name="Sign in and go on").click()
    page.get_by_label("Name").fill("dana")
    page.get_by_label("Password").fill("judge with keys")
    page.keyboard.press("Enter")
    expect_draft_intact(page)
    page.keyboard.press("Enter")
    expect_text(page, "Second reply")


def test_a_lost_connection_is_told_and_the_answer_can_be_sent_again(
    page: Page, expected_errors: list[str]
) -> None:
    expected_errors.append("ERR_FAILED")
    page.route("**/answer/", lambda route: route.abort())
    send(page)
    expect(page.get_by_text("Not connected. Your answer is kept")).to_be_visible()
    expect(page.get_by_role("button", name="1 answer to send")).to_be_visible()
    expect_draft_intact(page)
    page.unroute("**/answer/")
    page.get_by_role("button", name="Send now").click()
    expect_text(page, "Second reply")
    expect(page.locator("#outbox")).to_be_hidden()
    assert Answer.objects.count() == 1


def test_an_answer_that_was_kept_is_sent_by_itself_even_after_a_reload(
    page: Page, expected_errors: list[str]
) -> None:
    expected_errors.append("ERR_FAILED")
    page.route("**/answer/", lambda route: route.abort())
    send(page)
    expect(page.get_by_role("button", name="1 answer to send")).to_be_visible()
    page.unroute("**/answer/")
    page.reload()
    expect_text(page, "Second reply")
    expect(page.locator("#outbox")).to_be_hidden()
    assert Answer.objects.get().body["improvements"] == [REMARK]


def test_an_answer_that_was_kept_and_comes_too_late_gives_its_text_back(
    desk: Page, scene: Scene, expected_errors: list[str]
) -> None:
    expected_errors.append("ERR_FAILED")
    expect_ahead(desk)
    desk.route("**/answer/", lambda route: route.abort())
    send(desk)
    expect_text(desk, "Second reply")
    let_expire(Claim.objects.get(request__question__output="First reply"))
    claim_next(workspace=scene.workspace, user=scene.person("omar"))
    desk.unroute("**/answer/")
    expect(desk.get_by_text("somebody else has taken it")).to_be_visible()
    expect_text(desk, "Second reply")
    desk.get_by_role("button", name="Show it").click()
    expect_draft_intact(desk)
    assert Answer.objects.count() == 0


def test_an_answer_whose_receipt_was_lost_counts_once(page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("ERR_FAILED")

    def lose_the_receipt(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/answer/", lose_the_receipt)
    send(page)
    expect(page.get_by_text("Not connected. Your answer is kept")).to_be_visible()
    page.unroute("**/answer/")
    send(page)
    expect_text(page, "Second reply")
    assert Answer.objects.get().body["improvements"] == [REMARK]


def test_a_failing_server_is_told(page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("status of 500")
    page.route("**/answer/", lambda route: route.fulfill(status=500, body="failed"))
    send(page)
    expect(page.get_by_text("Not sent: the server failed.")).to_be_visible()
    expect_draft_intact(page)


def test_two_tabs_make_one_answer(page: Page) -> None:
    expect(page.locator("#hold")).to_contain_text("Saved.")
    other = page.context.new_page()
    other.goto("/judge/")
    expect_draft_intact(other)
    send(page)
    expect_text(page, "Second reply")
    other.keyboard.press("4")
    other.keyboard.press("Enter")
    expect(other.get_by_text("You had already answered that question.")).to_be_visible()
    assert Answer.objects.get().body["score"] == 2.0


def test_back_does_not_bring_an_answered_item_again(page: Page) -> None:
    send(page)
    expect_text(page, "Second reply")
    page.get_by_role("link", name="My answers").click()
    expect(page.get_by_text(REMARK)).to_be_visible()
    page.go_back()
    expect_text(page, "Second reply")


def test_an_answer_to_a_cancelled_run_is_thanked_for(page: Page, scene: Scene) -> None:
    requests_withdraw(run=scene.run)
    send(page)
    expect(page.get_by_text("your answer is kept but not used")).to_be_visible()
    assert Answer.objects.count() == 1


HOSTILE = (
    "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>[x](javascript:window.hacked=1)"
    f"\n\n{'W' * 3000}\n\n‮ مرحبا 🎉\n\n```\n{'code(' * 2000}\n```"
)


def test_a_hostile_text_runs_nothing_and_breaks_no_layout(
    signed_in: SignedIn, scene: Scene, dana: User
) -> None:
    told = {"ticket": HOSTILE, "note": "‮ مرحبا 🎉"}
    megabyte = "lorem ipsum " * 90_000
    scene.ask(rubric(HOSTILE, context=told))
    scene.ask(PreferenceQuestion(criteria=HOSTILE, outputs=(HOSTILE, megabyte), context=told))
    scene.ask(RankingQuestion(criteria="", outputs=(HOSTILE, megabyte, {"data": HOSTILE}), context=told))
    page = signed_in(dana, viewport={"width": 360, "height": 700})
    page.goto("/judge/")
    for kind, keys in (("rubric", ("5",)), ("preference", ("x",)), ("ranking", ("1", "2", "3"))):
        expect(page.locator(f".item--{kind} [data-judged]").first).to_be_visible()
        expect(page.locator("#desk")).to_contain_text("<script>window.hacked=1</script>")
        assert page.evaluate("window.hacked") is None
        assert page.locator("#desk :is([data-judged], .told) :is(img, script, a)").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        for key in (*keys, "Enter"):
            page.keyboard.press(key)
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert Answer.objects.count() == 3


def test_a_megabyte_can_be_judged(signed_in: SignedIn, scene: Scene, dana: User) -> None:
    scene.ask(rubric("lorem ipsum " * 90_000))
    page = signed_in(dana)
    page.goto("/judge/")
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()


def test_work_goes_on_offline_and_everything_is_sent_on_return(
    desk: Page, expected_errors: list[str]
) -> None:
    expected_errors.append("ERR_INTERNET_DISCONNECTED")
    expect_ahead(desk)
    desk.context.set_offline(True)
    send(desk)
    expect_text(desk, "Second reply")
    expect(desk.get_by_role("button", name="1 answer to send")).to_be_visible()
    desk.keyboard.press("5")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("button", name="2 answers to send")).to_be_visible()
    expect(desk.locator("#notice")).to_contain_text("Not connected. Your answer is kept")
    assert Answer.objects.count() == 0
    desk.context.set_offline(False)
    expect(desk.get_by_text("Nothing waits for you.")).to_be_visible()
    expect(desk.locator("#outbox")).to_be_hidden()
    assert [answer.body["score"] for answer in Answer.objects.order_by("pk")] == [2.0, 5.0]


def test_several_items_can_be_judged_offline_and_all_are_sent(
    signed_in: SignedIn, scene: Scene, dana: User, expected_errors: list[str]
) -> None:
    expected_errors.append("ERR_INTERNET_DISCONNECTED")
    texts = [f"Reply {number}" for number in range(1, 6)]
    for text in texts:
        scene.ask(rubric(text))
    page = signed_in(dana)
    page.goto("/judge/")
    expect_ahead(page, 3)
    page.context.set_offline(True)
    for text in texts[:4]:
        expect_text(page, text)
        page.keyboard.press("5")
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="4 answers to send")).to_be_visible()
    page.context.set_offline(False)
    expect_text(page, texts[4])
    expect(page.locator("#outbox")).to_be_hidden()
    assert Answer.objects.count() == 4


def test_what_was_fetched_ahead_is_shown_without_being_sent_again(desk: Page) -> None:
    expect_ahead(desk)
    with desk.expect_response("**/answer/") as reply:
        send(desk)
    expect_text(desk, "Second reply")
    expect(desk.locator("#counts")).to_contain_text("1 today")
    assert "Second reply" not in reply.value.text()
    assert Answer.objects.count() == 1


def expect_ahead(page: Page, items: int = 1) -> None:
    """The next items are in the browser already."""
    expect(page.locator(f"#desk[data-here='{items}']")).to_have_count(1)
