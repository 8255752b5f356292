"""The desk's pages as a browser without scripts sees them, and who may see them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from feedback_ui.judge.compared import telling_beginnings
from optimization.losses.questions import PreferenceQuestion, Question, RankingQuestion
from optimization.models import Answer, Claim, ClaimState, Draft, Membership, Role, Showing, Skip
from tests.feedback.scene import Scene, let_expire, rubric

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def desk(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found
    return found[1]


def form_of(client: Client) -> tuple[str, dict[str, str]]:
    """The address and the hidden fields of the item in hand."""
    html = client.get("/judge/").content.decode()
    action = re.search(r'id="verdict" method="post" action="([^"]+)"', html)
    assert action
    return action[1], {name: hidden(html, name) for name in ("fence", "client_key")}


def test_without_scripts_the_form_answers_and_leads_to_the_next(desk: Client, scene: Scene) -> None:
    scene.ask(rubric("One"))
    scene.ask(rubric("Two"))
    address, fields = form_of(desk)
    page = desk.post(
        address, {**fields, "score": "2", "improvements": "Say when\r\n\r\nSay who"}, follow=True
    )
    assert page.redirect_chain == [("/judge/", 302)]
    assert "Two" in page.content.decode()
    assert Answer.objects.get().body["improvements"] == ["Say when", "Say who"]


def test_an_answer_that_does_not_fit_comes_back_as_it_was_typed(desk: Client, scene: Scene) -> None:
    scene.ask()
    address, fields = form_of(desk)
    page = desk.post(address, {**fields, "score": "1", "improvements": "  "})
    html = page.content.decode()
    assert page.status_code == 422
    assert "Say what should be better" in html
    assert 'value="1" data-key="1" checked' in html
    assert hidden(html, "client_key") == fields["client_key"]


def test_a_lost_hold_gives_the_text_back(desk: Client, scene: Scene, omar: User) -> None:
    scene.ask()
    address, fields = form_of(desk)
    let_expire(Claim.objects.get())
    other = Client()
    other.force_login(omar)
    other.get("/judge/")
    page = desk.post(address, {**fields, "score": "1", "improvements": "My long remark"})
    html = page.content.decode()
    assert page.status_code == 409
    assert "somebody else has taken it" in html
    assert "My long remark" in html


def test_skip_has_a_page_of_its_own(desk: Client, scene: Scene) -> None:
    question = scene.ask()
    address = f"/judge/{question.pk}/skip/"
    assert "Why do you skip it?" in desk.get(address).content.decode()
    assert desk.post(address, {"reason": "Something else"}).status_code == 302
    assert Skip.objects.get().reason == "Something else"


def test_later_keeps_what_was_typed(desk: Client, scene: Scene) -> None:
    scene.ask()
    address, fields = form_of(desk)
    desk.post(address.replace("answer", "later"), {**fields, "improvements": "Half a thought"})
    assert Claim.objects.get().state == ClaimState.RELEASED
    assert Draft.objects.get().body == {"improvements": "Half a thought"}


def test_keep_saves_the_draft_and_tells_the_time_left(desk: Client, scene: Scene) -> None:
    scene.ask()
    address, fields = form_of(desk)
    kept = desk.post(address.replace("answer", "keep"), {**fields, "score": "3", "improvements": "a"})
    assert kept.json() == {"seconds": 300}
    assert Draft.objects.get().body == {"score": "3", "improvements": "a"}
    refused = desk.post(address.replace("answer", "keep"), {**fields, "fence": "99"})
    assert refused.status_code == 409


def test_a_fragment_brings_the_regions_alone(desk: Client, scene: Scene) -> None:
    scene.ask()
    html = desk.get("/judge/", headers=FRAGMENT).content.decode()
    assert "<html" not in html
    assert all(f'id="{region}"' in html for region in ("counts", "desk", "bar"))


@pytest.mark.parametrize("deed", ["answer", "later", "skip", "keep"])
def test_a_foreign_question_is_not_there(desk: Client, scene: Scene, deed: str) -> None:
    foreign = Scene.make("Elsewhere").ask()
    page = desk.post(f"/judge/{foreign.pk}/{deed}/", {})
    assert page.status_code == 404


@pytest.mark.parametrize("address", ["/judge/", "/judge/counts/", "/answers/"])
def test_a_viewer_does_not_judge_and_a_stranger_signs_in(
    client: Client, scene: Scene, dana: User, address: str
) -> None:
    assert client.get(address).headers["Location"].startswith("/sign-in/")
    assert client.get(address, headers=FRAGMENT).status_code == 401
    Membership.objects.filter(user=dana).update(role=Role.VIEWER)
    client.force_login(dana)
    assert client.get(address).status_code == 403


def test_nothing_tells_where_a_text_comes_from(desk: Client, scene: Scene) -> None:
    question = scene.ask(rubric("A reply"))
    question.key = "7/1/judge/candidate-x/train.3/refine/0/0"
    question.save()
    html = desk.get("/judge/").content.decode()
    for trace in ("candidate", "Gentle steps", "train.3", "refine", "teration", "version"):
        assert trace not in html


def test_without_scripts_a_ranking_is_chosen_from_lists(desk: Client, scene: Scene) -> None:
    scene.ask(RankingQuestion(criteria="", outputs=("One", {"two": 2}, "Three")))
    address, fields = form_of(desk)
    missing = desk.post(address, {**fields, "rank_1": "1"})
    assert missing.status_code == 422
    assert "Give each text a place: 2 and 3 have none." in missing.content.decode()
    twice = desk.post(address, {**fields, "rank_1": "1", "rank_2": "1", "rank_3": "2"})
    assert "Rank 1 was given twice" in twice.content.decode()
    sent = {**fields, "rank_1": "2", "rank_2": "1", "rank_3": "3", "note_2": "Clear"}
    assert desk.post(address, sent).status_code == 302
    order = Showing.objects.get().order
    body = Answer.objects.get().body
    assert [body["ranks"][output] for output in order] == [2, 1, 3]
    assert [body["notes"][output] for output in order] == ["", "Clear", ""]


def test_what_does_not_fit_a_pair_comes_back_as_it_was_typed(desk: Client, scene: Scene) -> None:
    scene.ask(PreferenceQuestion(criteria="Which?", outputs=("One", "Two")))
    address, fields = form_of(desk)
    html = desk.post(address, {**fields, "choice": "A", "strengths": " "}).content.decode()
    assert "Say in a few words why." in html
    assert re.search(r'value="A"[^>]*checked', html)
    assert "Choose one of the two" in desk.post(address, fields).content.decode()
    assert desk.post(address, {**fields, "choice": "abstain"}).status_code == 302


def test_levels_go_up_with_the_digits(desk: Client, scene: Scene) -> None:
    question = rubric()
    scene.ask(question.model_copy(update={"levels": question.levels[::-1]}))
    html = desk.get("/judge/").content.decode()
    assert re.findall(r'value="(\d)" data-key="(\d)"', html)[:5] == [(str(n), str(n)) for n in range(1, 6)]


def test_my_answers_say_what_became_of_them(desk: Client, scene: Scene) -> None:
    scene.ask()
    address, fields = form_of(desk)
    desk.post(address, {**fields, "score": "4", "improvements": "<b>Bold</b> idea"})
    html = desk.get("/answers/").content.decode()
    assert "Mostly" in html
    assert "&lt;b&gt;Bold&lt;/b&gt; idea" in html
    assert "Waits for the step of iteration 1" in html
    scene.run.iteration = 1
    scene.run.save()
    assert "Read in iteration 1; no change rests on it" in desk.get("/answers/").content.decode()


def test_an_answer_can_be_changed_and_every_version_is_kept(desk: Client, scene: Scene) -> None:
    scene.ask(wanted=2)
    address, fields = form_of(desk)
    desk.post(address, {**fields, "score": "2", "improvements": "Say when"})
    given = Answer.objects.get()
    earlier = f"/answers/{given.pk}/"
    page = desk.get(earlier).content.decode()
    assert re.search(r'value="2"[^>]*checked', page)
    assert "Say when" in page
    assert "Say what should be better" in desk.post(earlier, {"score": "1"}).content.decode()
    changed = desk.post(earlier, {"score": "3", "improvements": "Say when\r\nSay who"}, follow=True)
    assert "Your answer counts as it is now." in changed.content.decode()
    given.refresh_from_db()
    assert given.body["improvements"] == ["Say when", "Say who"]
    assert [version.body["score"] for version in given.versions.order_by("number")] == [2.0, 3.0]
    assert "2 versions" in desk.get(earlier).content.decode()


def test_a_change_of_a_pair_is_about_the_sides_as_they_were_shown(desk: Client, scene: Scene) -> None:
    question = scene.ask(PreferenceQuestion(criteria="", outputs=("One", "Two")))
    Showing.objects.create(request=question, user=User.objects.get(username="dana"), order=[1, 0])
    address, fields = form_of(desk)
    desk.post(address, {**fields, "choice": "A", "reason": "kinder"})
    given = Answer.objects.get()
    assert given.body["choice"] == "B"
    assert re.search(r'value="A"[^>]*checked', desk.get(f"/answers/{given.pk}/").content.decode())
    assert "The first is better" in desk.get("/answers/").content.decode()
    desk.post(f"/answers/{given.pk}/", {"choice": "B", "reason": "kinder"})
    given.refresh_from_db()
    assert given.body["choice"] == "A"


def test_what_became_of_an_answer_has_a_page_for_its_giver_alone(
    desk: Client, scene: Scene, omar: User
) -> None:
    scene.ask()
    address, fields = form_of(desk)
    desk.post(address, {**fields, "score": "4"})
    place = f"/answers/{Answer.objects.get().pk}/"
    assert "What became of your answer" in desk.get(f"{place}became/").content.decode()
    other = Client()
    other.force_login(omar)
    assert other.get(place).status_code == other.get(f"{place}became/").status_code == 404


@pytest.mark.parametrize(
    ("question", "sent", "expected"),
    [
        (rubric("A reply"), {"score": "2", "improvements": "Say when"}, ["- Say when", "Score: 0.25"]),
        (rubric("A reply"), {"score": "2"}, ["Before it can be sent", "Say what should be better"]),
        (rubric("A reply"), {"score": "5"}, ["Only the score counts: 1.00 of 1."]),
        (
            PreferenceQuestion(criteria="Which is kinder?", outputs=("One", "Two")),
            {"choice": "A", "reason": "kinder"},
            ["- Preferred. Strength: kinder", "- The other output was better: kinder", "Right"],
        ),
        (
            RankingQuestion(criteria="Which is kinder?", outputs=("One", "Two")),
            {"rank_1": "2", "rank_2": "1", "note_1": "cold"},
            ["- cold", "Ranked #1/2.", "Text 2"],
        ),
    ],
)
def test_how_an_answer_will_be_read_is_shown_before_it_is_sent(
    desk: Client, scene: Scene, question: Question, sent: dict[str, str], expected: list[str]
) -> None:
    asked = scene.ask(question)
    before = desk.post(f"/judge/{asked.pk}/read/", sent, headers=FRAGMENT).content.decode()
    assert "You have not held this question" in before
    desk.get("/judge/")
    html = desk.post(f"/judge/{asked.pk}/read/", sent, headers=FRAGMENT).content.decode()
    assert [words for words in expected if words not in html] == []
    assert not Answer.objects.exists()


def test_among_several_losses_a_reading_has_its_weight(desk: Client, scene: Scene) -> None:
    asked = scene.ask()
    members = [[{"name": "VerifierLoss"}, 1], [{"name": "HumanRubricLoss"}, 2]]
    scene.run.config = {"loss": {"name": "CompositeLoss", "args": {"losses": members}}}
    scene.run.save()
    desk.get("/judge/")
    page = desk.post(f"/judge/{asked.pk}/read/", {"score": "2", "improvements": "Say when\nSay who"})
    assert "- [Weight: 2.0] Say when | Say who" in page.content.decode()


def test_texts_that_begin_alike_are_told_apart_by_where_they_differ() -> None:
    texts = ["Hi there, thank you. It is sent.", "Hi there, thank you.", "Hi there, sorry.", "Good day"]
    assert telling_beginnings(texts) == ["… It is sent.", "… Hi there, thank you.", "… sorry.", "Good day"]
