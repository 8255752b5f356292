"""An annotator's hour without a mouse: read, judge, Enter, next."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from optimization.losses.questions import Aspect, FeedbackQuestion, PreferenceQuestion, RankingQuestion
from optimization.models import Answer, Claim, ClaimState, Showing, Skip
from tests.browser.conftest import SignedIn
from tests.feedback.scene import Scene, rubric

pytestmark = pytest.mark.browser


@pytest.fixture
def page(signed_in: SignedIn, scene: Scene, dana: User) -> Page:
    """The desk with three replies."""
    for text in ("First reply", "Second reply", "Third reply"):
        scene.ask(rubric(text))
    page = signed_in(dana)
    page.goto("/judge/")
    return page


def text(page: Page) -> str:
    return page.locator(".item__text .reading").inner_text()


def test_a_digit_and_enter_judge_and_bring_the_next_in_one_round_trip(page: Page) -> None:
    assert text(page) == "First reply"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.split('/', 3)[3]}"))
    page.keyboard.press("4")
    expect(page.get_by_role("radio", name="Mostly")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    first = Answer.objects.get()
    assert first.body["score"] == 4.0
    assert [line for line in asked if "/answer/" in line] == [f"POST judge/{first.request_id}/answer/"]
    assert {line for line in asked if line.startswith("GET")} <= {"GET judge/ahead/"}
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Third reply")
    assert Answer.objects.count() == 2


def test_improvements_are_asked_for_below_a_level_and_typed_one_a_line(page: Page) -> None:
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    field = page.get_by_label("What would make it better?")
    expect(field).to_be_focused()
    expect(page.get_by_text("Say what should be better")).to_be_visible()
    expect(page.get_by_role("radio", name="Barely")).to_be_checked()
    page.keyboard.type("Say when it comes")
    page.keyboard.press("Enter")
    page.keyboard.type("Offer a refund")
    assert Answer.objects.count() == 0
    page.keyboard.press("Control+Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    assert Answer.objects.get().body["improvements"] == ["Say when it comes", "Offer a refund"]


def test_enter_without_a_level_says_what_is_missing(page: Page) -> None:
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose a level.")).to_be_visible()
    assert Answer.objects.count() == 0
    page.keyboard.press("4")
    expect(page.get_by_text("Choose a level.")).to_have_count(0)


def test_digits_are_text_while_one_types(page: Page) -> None:
    page.keyboard.press("i")
    page.keyboard.type("Name order 5")
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    expect(page.get_by_label("What would make it better?")).to_have_value("Name order 5")
    expect(page.get_by_role("radio", name="Partly")).to_be_checked()


def test_enter_held_down_judges_one_item(page: Page) -> None:
    page.keyboard.press("4")
    for _ in range(6):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    assert Answer.objects.count() == 1


def test_a_double_click_sends_once(page: Page) -> None:
    page.get_by_text("Mostly").click()
    page.get_by_role("button", name="Send and next").dblclick()
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    assert Answer.objects.count() == 1


def test_skip_asks_for_a_reason(page: Page) -> None:
    page.keyboard.press("s")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert Skip.objects.get().reason == "The text is broken or cut off"


def test_undo_brings_back_what_was_skipped(page: Page) -> None:
    page.keyboard.press("s")
    page.get_by_label("In your own words").fill("Dutch, it seems")
    page.get_by_text("Something else").click()
    page.get_by_role("button", name="Skip it").click()
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    assert Skip.objects.get().reason == "Something else: Dutch, it seems"
    page.keyboard.press("i")
    page.keyboard.type("Half a thought")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.locator(".item__text .reading")).to_have_text("First reply")
    expect(page.get_by_text("It is yours again.")).to_be_visible()
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    expect(page.get_by_label("What would make it better?")).to_have_value("Half a thought")
    assert not Skip.objects.exists()


def test_a_remark_that_was_written_twice_is_written_again_with_one_key(page: Page, scene: Scene) -> None:
    scene.ask(rubric("Fourth reply"))
    for reply in ("First reply", "Second reply"):
        expect(page.locator(".item__text .reading")).to_have_text(reply)
        page.keyboard.press("2")
        page.keyboard.press("i")
        page.keyboard.type("Give a date\nName the refund")
        page.keyboard.press("Control+Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Third reply")
    page.keyboard.press("a")
    field = page.get_by_label("What would make it better?")
    expect(field).to_have_value("Give a date")
    page.get_by_role("button", name="Name the refund").click()
    expect(field).to_have_value("Give a date\nName the refund")
    expect(page.locator("[data-again]")).to_be_hidden()
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Fourth reply")
    assert Answer.objects.latest("pk").body["improvements"] == ["Give a date", "Name the refund"]


def test_a_remark_of_an_answer_that_is_changed_was_written_once(page: Page) -> None:
    page.keyboard.press("2")
    page.keyboard.press("i")
    page.keyboard.type("Give a date")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    page.keyboard.press("u")
    expect(page.get_by_text("You have answered this.")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    expect(page.locator("[data-again]")).to_be_hidden()


def test_writing_goes_on_after_what_is_there(page: Page) -> None:
    page.keyboard.press("i")
    page.keyboard.type("Give a date")
    page.keyboard.press("Escape")
    page.reload()
    field = page.get_by_label("What would make it better?")
    expect(field).to_have_value("Give a date")
    page.keyboard.press("i")
    page.keyboard.type(" soon")
    expect(field).to_have_value("Give a date soon")


def test_how_it_will_be_read_is_shown_before_it_is_sent(page: Page) -> None:
    page.keyboard.press("2")
    page.keyboard.press("i")
    page.keyboard.type("Say when it comes")
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    read = page.get_by_role("dialog", name="How it will be read")
    expect(read).to_contain_text("- Say when it comes")
    expect(read).to_contain_text("Score: 0.25")
    page.keyboard.press("Escape")
    assert not Answer.objects.exists()
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")


def test_a_key_right_after_a_dialog_is_for_the_desk(page: Page) -> None:
    page.keyboard.press("4")
    page.keyboard.press("h")
    expect(page.get_by_role("dialog", name="How it will be read")).to_be_visible()
    page.evaluate(
        """() => {
          const focused = document.activeElement; // keeps the focus until the page is drawn again
          document.getElementById("dialog").close();
          focused.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")


def test_later_brings_it_back_when_nothing_else_waits(page: Page) -> None:
    page.keyboard.press("l")
    for reply in ("Second reply", "Third reply"):
        expect(page.locator(".item__text .reading")).to_have_text(reply)
        page.keyboard.press("5")
        page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("First reply")
    expect(page.get_by_text("here is one that you put off")).to_be_visible()


def test_the_question_mark_shows_the_keys_and_can_switch_them_off(page: Page) -> None:
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_text("Choose a level")).to_be_visible()
    expect(sheet.get_by_text("Tie, both bad")).to_be_hidden()
    page.get_by_label("Single keys act at once").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    expect(page.get_by_role("radio", name="Mostly")).not_to_be_checked()
    page.reload()
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_last_answer_leaves_a_desk_that_says_what_it_waits_for(page: Page) -> None:
    for reply in ("First reply", "Second reply", "Third reply"):
        expect(page.locator(".item__text .reading")).to_have_text(reply)
        page.keyboard.press("5")
        page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you. Run “Gentle steps”")).to_be_visible()
    expect(page.locator("#counts")).to_contain_text("3 today")
    assert Claim.objects.filter(state=ClaimState.ACTIVE).count() == 0


def test_free_feedback_is_lines_or_nothing_to_improve(signed_in: SignedIn, scene: Scene, dana: User) -> None:
    scene.ask(FeedbackQuestion(criteria="What should be better?", output="A plan"))
    scene.ask(FeedbackQuestion(criteria="What should be better?", output="A poem"))
    page = signed_in(dana)
    page.goto("/judge/")
    page.keyboard.press("Enter")
    expect(page.get_by_text("or choose “Nothing to improve”.")).to_be_visible()
    page.keyboard.type("Give it an end")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".item__text .reading")).to_have_text("A poem")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert [answer.body["improvements"] for answer in Answer.objects.order_by("pk")] == [
        ["Give it an end"],
        [],
    ]


def test_of_two_replies_one_is_preferred_by_keys_or_by_a_click(
    signed_in: SignedIn, scene: Scene, dana: User
) -> None:
    for number in range(3):
        scene.ask(PreferenceQuestion(criteria="Which?", outputs=(f"One {number}", f"Two {number}")))
    page = signed_in(dana)
    page.goto("/judge/")
    left, right = (page.locator("[data-side]").nth(place) for place in (0, 1))
    shown = left.locator(".reading").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(left.get_by_role("radio")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Say in a few words why.")).to_be_visible()
    page.keyboard.type("It is kinder")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#counts")).to_contain_text("1 today")
    first = Answer.objects.get()
    assert first.request.question["outputs"]["AB".index(first.body["choice"])] == shown
    assert first.body["reason"] == "It is kinder"
    for key, name in (("t", "Tie"), ("b", "Both bad"), ("x", "Cannot judge")):
        page.keyboard.press(key)
        expect(page.get_by_role("radio", name=name)).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("#counts")).to_contain_text("2 today")
    right.locator(".reading").click()
    expect(right.get_by_role("radio")).to_be_checked()
    shown = right.locator(".reading").inner_text()
    page.reload()
    expect(right.locator(".reading")).to_have_text(shown)
    expect(right.get_by_role("radio")).to_be_checked()


def places(page: Page) -> list[str]:
    """What stands beside each text, in the order of the texts."""
    return page.locator("[data-place-of]").all_inner_texts()


def test_a_place_given_twice_is_told_where_ties_are_not_allowed(
    signed_in: SignedIn, scene: Scene, dana: User
) -> None:
    scene.ask(RankingQuestion(criteria="", outputs=("One", "Two"), allow_ties=False))
    page = signed_in(dana, java_script_enabled=False)
    page.goto("/judge/")
    for number in (1, 2):
        page.get_by_label(f"Place of text {number}").select_option("1")
    page.get_by_role("button", name="Send and next").click()
    expect(page.locator("#ranks-error")).to_be_visible()
    expect(page.get_by_label("Place of text 2")).to_have_value("1")
    assert not Answer.objects.exists()


@pytest.mark.parametrize("allow_ties", [True, False])
def test_a_ranking_is_pressed_moved_tied_and_dragged(
    signed_in: SignedIn, scene: Scene, dana: User, allow_ties: bool
) -> None:
    scene.ask(RankingQuestion(criteria="", outputs=("One", "Two", "Three"), allow_ties=allow_ties))
    page = signed_in(dana)
    page.goto("/judge/")
    page.keyboard.press("3")
    page.keyboard.press("1")
    assert places(page) == ["2nd", "", "1st"]
    page.keyboard.press("Enter")
    expect(page.get_by_text("Give each text a place: 2 has none.")).to_be_focused()
    page.keyboard.press("2")
    page.keyboard.press("Alt+ArrowUp")
    assert places(page) == ["3rd", "2nd", "1st"]
    page.keyboard.press("=")
    assert places(page) == (["3rd", "tied 1st", "tied 1st"] if allow_ties else ["3rd", "2nd", "1st"])
    page.keyboard.press("Backspace")
    assert places(page)[0] == ""
    page.get_by_role("button", name="Text 1 comes next").click()
    page.get_by_label("Place of text 2").select_option("3")
    assert places(page) == ["2nd", "3rd", "1st"]
    rows = page.locator(".board__row")
    rows.nth(2).locator(".board__words").drag_to(rows.nth(0).locator(".board__words"))
    expect(page.locator("[data-place-of='2']")).to_have_text("1st")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    order, ranks = Showing.objects.get().order, Answer.objects.get().body["ranks"]
    assert [ranks[output] for output in order] == [3, 1, 2]


def test_a_rubric_of_several_aspects_is_judged_with_a_digit_each(
    signed_in: SignedIn, scene: Scene, dana: User
) -> None:
    facts, tone = Aspect(name="Facts", description="Is everything right?"), Aspect(name="Tone")
    scene.ask(rubric("First reply", aspects=(facts, tone)))
    scene.ask(rubric("Second reply"))
    page = signed_in(dana)
    page.goto("/judge/")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose a level for “Tone”.")).to_be_visible()
    expect(page.get_by_role("group", name="Facts").get_by_role("radio", name="Mostly")).to_be_checked()
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    assert Answer.objects.get().body["scores"] == {"Facts": 4.0, "Tone": 5.0}
    assert Answer.objects.get().body["score"] == 4.5


def test_undo_brings_the_last_answer_back_to_be_changed(page: Page) -> None:
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    page.keyboard.press("i")
    page.keyboard.type("Half a thought")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.locator(".item__text .reading")).to_have_text("First reply")
    expect(page.get_by_role("radio", name="Mostly")).to_be_checked()
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your answer counts as it is now.")).to_be_visible()
    expect(page.locator(".item__text .reading")).to_have_text("Second reply")
    expect(page.get_by_label("What would make it better?")).to_have_value("Half a thought")
    assert Answer.objects.get().body["score"] == 5.0
    page.get_by_role("link", name="My answers").click()
    page.get_by_role("link", name="Fully").click()
    expect(page.get_by_role("button", name="Keys")).to_be_visible()
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Mostly")).to_be_visible()
    expect(page).to_have_url(re.compile("/answers/$"))


SELECT = """(words) => {
  const text = document.querySelector("[data-judged='0']");
  const node = document.createTreeWalker(text, NodeFilter.SHOW_TEXT).nextNode();
  const range = document.createRange();
  range.setStart(node, node.data.indexOf(words));
  range.setEnd(node, node.data.indexOf(words) + words.length);
  document.getSelection().removeAllRanges();
  document.getSelection().addRange(range);
}"""


def test_selected_words_get_a_comment_of_their_own(signed_in: SignedIn, scene: Scene, dana: User) -> None:
    scene.ask(rubric("I do not expect it by Saturday, sorry."))
    page = signed_in(dana)
    page.goto("/judge/")
    page.evaluate(SELECT, "by Saturday")
    expect(page.locator("#mark-words")).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.type("Say which one")
    page.keyboard.press("Enter")
    marks = page.get_by_role("region", name="Comments on words")
    expect(marks).to_contain_text("by Saturday")
    expect(page.locator("#hold")).to_contain_text("Saved.")
    page.reload()
    expect(marks).to_contain_text("Say which one")
    page.evaluate(SELECT, "sorry")
    page.locator("#mark-words").click()
    page.keyboard.type("Once is enough")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Take back the comment “Once is enough”").click()
    expect(marks).not_to_contain_text("Once is enough")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    [mark] = Answer.objects.get().body["marks"]
    assert mark == {"quote": "by Saturday", "comment": "Say which one", "output": 0, "start": 19}
