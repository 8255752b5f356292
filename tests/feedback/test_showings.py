"""Sides and order: random for each person, stored, the same on reload, and nothing that tells who wrote what."""

from __future__ import annotations

import random
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from optimization.feedback import showings
from optimization.feedback.services import answer_submit, claim_next, question_shown
from optimization.losses.questions import PreferenceAnswer, PreferenceQuestion, RankingAnswer, RankingQuestion
from optimization.losses.sides import answer_as_asked, answer_as_shown, question_in_order
from optimization.models import Audience, FeedbackRequest, Showing
from tests.feedback.scene import Scene

PAIRS = 200
FRAGMENT = {"HX-Request": "true"}
SECRETS = ("gpt-secret", "candidate-x", "version", "0.8125", "Gentle steps", "teration")


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showings, "chance", random.Random(7))


def ask_pair(scene: Scene, number: int) -> FeedbackRequest:
    """With everything about it that an annotator must not see."""
    question = PreferenceQuestion(criteria="Which?", outputs=(f"From A {number}", f"From B {number}"))
    asked = scene.ask(question)
    asked.key = f"7/1/judge/candidate-x/train.{number}/refine/0/0"
    asked.question |= {"model": "gpt-secret", "score": 0.8125}
    asked.save()
    return asked


def test_of_200_pairs_the_sides_are_even_and_stay_as_they_are(scene: Scene, dana: User) -> None:
    pairs = [ask_pair(scene, number) for number in range(PAIRS)]
    left = [question_shown(request=pair, user=dana).outputs[0] for pair in pairs]
    assert 0.4 * PAIRS <= sum("A" in output for output in left) <= 0.6 * PAIRS
    assert [question_shown(request=pair, user=dana).outputs[0] for pair in pairs] == left
    assert Showing.objects.count() == PAIRS


def test_200_pages_and_their_traffic_tell_nothing_of_where_texts_come_from(
    client: Client, scene: Scene, dana: User
) -> None:
    for number in range(PAIRS):
        ask_pair(scene, number)
    client.force_login(dana)
    html, left = client.get("/judge/").content.decode(), ""
    for number in range(PAIRS):
        sides = re.findall(rf"From ([AB]) {number}\b", html)
        assert sorted(sides) == ["A", "B"]
        left += sides[0]
        again = client.get("/judge/", headers=FRAGMENT).content.decode()
        assert re.findall(rf"From ([AB]) {number}\b", again) == sides
        assert [secret for secret in SECRETS if secret in html + again] == []
        address, hidden = form_of(html)
        sent = {**hidden, "choice": "tie", "reason": "x"}
        html = client.post(address, sent, headers=FRAGMENT).content.decode()
    assert 0.4 * PAIRS <= left.count("A") <= 0.6 * PAIRS


def form_of(html: str) -> tuple[str, dict[str, str]]:
    action = re.search(r'id="verdict" method="post" action="([^"]+)"', html)
    assert action
    values = dict(re.findall(r'type="hidden" name="(fence|client_key)" value="([^"]*)"', html))
    return action[1], values


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_what_is_stored_is_about_the_outputs(scene: Scene, dana: User, order: list[int]) -> None:
    question = scene.ask(PreferenceQuestion(criteria="", outputs=("One", "Two")))
    Showing.objects.create(request=question, user=dana, order=order)
    taken = claim_next(workspace=scene.workspace, user=dana)
    assert taken
    assert question_shown(request=question, user=dana).outputs[0] == ("One", "Two")[order[0]]
    body = {"choice": "A", "reason": "x"}
    stored = answer_submit(request=question, user=dana, fence=taken.fence, client_key="k", body=body)
    assert stored.body["choice"] == "AB"[order[0]]


def test_each_person_has_an_order_of_their_own(scene: Scene, dana: User, omar: User) -> None:
    outputs = tuple(f"Output {number}" for number in range(9))
    question = scene.ask(RankingQuestion(criteria="", outputs=outputs), wanted=2)
    shown = [question_shown(request=question, user=user).outputs for user in (dana, omar, dana)]
    assert shown[0] == shown[2] != shown[1]
    assert sorted(shown[0]) == sorted(outputs)


def test_a_rehearsal_colleague_sees_the_order_in_which_was_asked(scene: Scene) -> None:
    ada = scene.person("ada", rehearsal=True)
    question = scene.ask(PreferenceQuestion(criteria="", outputs=("One", "Two")), audience=Audience.REHEARSAL)
    assert question_shown(request=question, user=ada).outputs == ("One", "Two")
    assert not Showing.objects.exists()


@given(order=st.permutations(range(4)), ranks=st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_an_answer_follows_the_outputs_wherever_they_stand(order: list[int], ranks: list[int]) -> None:
    outputs = tuple("abcd")
    shown = question_in_order(RankingQuestion(criteria="", outputs=outputs), order)
    said = RankingAnswer(ranks, [f"about {output}" for output in shown.outputs])
    asked = answer_as_asked(said, order)
    assert asked.notes == [f"about {output}" for output in outputs]
    assert dict(zip(shown.outputs, said.ranks, strict=True)) == dict(zip(outputs, asked.ranks, strict=True))
    assert answer_as_shown(asked, order) == said


@pytest.mark.parametrize("choice", ["A", "B", "tie", "both_bad", "abstain"])
def test_only_a_preferred_side_changes_places(choice: str) -> None:
    said = PreferenceAnswer(choice, "why")
    asked = answer_as_asked(said, [1, 0])
    assert asked.choice == {"A": "B", "B": "A"}.get(choice, choice)
    assert answer_as_asked(said, [0, 1]) == said
