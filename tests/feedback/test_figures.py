"""What is said of a person's answers: drift over time, a favourite side, known answers, repeats, pace."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.feedback.gold import gold_add
from optimization.feedback.quality.figures import RECENT, PersonFigures, quality_figures
from optimization.losses.questions import PreferenceQuestion
from optimization.models import Audience, FeedbackRequest, Showing
from tests.feedback.scene import Scene, rubric


def give(request: FeedbackRequest, user: User, seconds: float = 20.0, **body: Any) -> None:
    whole = {"kind": request.kind, **body}
    request.answers.create(user=user, client_key=f"{request.pk}-{user.pk}", body=whole, seconds=seconds)


def figures_of(scene: Scene, user: User) -> PersonFigures:
    people = quality_figures(workspace=scene.workspace).people
    return next(person for person in people if person.user == user.pk)


def test_who_agrees_less_lately_drifts_and_is_named(scene: Scene, dana: User, omar: User) -> None:
    for number in range(2 * RECENT):
        request = scene.ask()
        give(request, omar, score=5)
        give(request, dana, score=5 if number < RECENT else 1)
    dana_now = figures_of(scene, dana)
    assert dana_now.drift == pytest.approx(-1.0)
    assert dana_now.agreement == pytest.approx(0.5)
    notes = quality_figures(workspace=scene.workspace).notes
    assert any(note.startswith("dana agrees less with the others lately: -1.00") for note in notes)


def test_with_fewer_answers_nothing_is_said_of_drift(scene: Scene, dana: User, omar: User) -> None:
    for _ in range(RECENT):
        request = scene.ask()
        give(request, omar, score=5)
        give(request, dana, score=1)
    assert figures_of(scene, dana).drift is None


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_favourite_side_is_found_by_where_it_was_shown(scene: Scene, dana: User, order: list[int]) -> None:
    for number in range(20):
        request = scene.ask(PreferenceQuestion(criteria="", outputs=(f"One {number}", f"Two {number}")))
        Showing.objects.create(request=request, user=dana, order=order)
        give(request, dana, choice="AB"[order[0]], reason="x")
    found = figures_of(scene, dana)
    assert found.first
    assert found.first.value == 1.0
    assert found.first_by_chance < 0.001
    assert "dana prefers what stands first" in quality_figures(workspace=scene.workspace).notes[0]


def test_known_answers_and_repeats_are_counted_and_strengths_come_with_intervals(
    scene: Scene, dana: User
) -> None:
    known = rubric("Thank you.")
    gold = gold_add(
        workspace=scene.workspace, question=known.model_dump(mode="json"), expected={"score": 5}, user=dana
    )
    for number, score in enumerate((5, 5, 5, 1)):
        check = scene.ask(rubric(f"Check {number}"))
        FeedbackRequest.objects.filter(pk=check.pk).update(audience=Audience.CHECK, gold=gold, item=None)
        check.refresh_from_db()
        give(check, dana, score=score)
    for number, again in enumerate(("A", "B")):
        first = scene.ask(PreferenceQuestion(criteria="", outputs=(f"One {number}", f"Two {number}")))
        give(first, dana, choice="A", reason="x")
        mirror = scene.ask(PreferenceQuestion(criteria="", outputs=(f"One. {number}", f"Two. {number}")))
        FeedbackRequest.objects.filter(pk=mirror.pk).update(
            audience=Audience.CHECK, mirror_of=first, item=None
        )
        mirror.refresh_from_db()
        give(mirror, dana, choice=again, reason="x")
    found = figures_of(scene, dana)
    assert found.gold
    assert found.consistent
    assert (found.gold.value, found.gold_answers, found.consistent.value) == (0.75, 4, 0.5)
    assert found.gold.low < 0.75 < found.gold.high
    first_output, second_output = quality_figures(workspace=scene.workspace).strengths
    assert first_output.low < first_output.value < first_output.high
    assert first_output.value > second_output.value
    assert (found.seconds, found.per_hour) == (20.0, 8.0)
