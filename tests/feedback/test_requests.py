"""Questions enter the queue once, and leave it with their run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.feedback import notices
from optimization.feedback.services import answer_submit, claim_next, request_open, requests_withdraw
from optimization.losses.questions import QUESTION
from optimization.models import FeedbackRequest, RequestState, WorkState
from tests.feedback.scene import GOOD, Scene, rubric


def test_the_question_is_stored_whole(scene: Scene) -> None:
    question = rubric(output={"reply": "Hello"}, target="Hi")
    stored = scene.ask(question)
    stored.refresh_from_db()
    assert QUESTION.validate_python(stored.question) == question
    assert (stored.kind, stored.iteration, stored.workspace) == ("rubric", 0, scene.workspace)


def test_asking_again_under_the_same_key_is_the_same_request(scene: Scene) -> None:
    item = scene.item()
    first = request_open(item=item, key="k", question=rubric(), wanted=2)
    again = request_open(item=item, key="k", question=rubric("another"), wanted=3)
    assert again == first
    assert FeedbackRequest.objects.get().wanted == 2


def test_withdrawing_leaves_what_is_answered(scene: Scene) -> None:
    answered, waiting = scene.ask(), scene.ask()
    FeedbackRequest.objects.filter(pk=answered.pk).update(state=RequestState.ANSWERED)
    assert requests_withdraw(run=scene.run) == 1
    waiting.refresh_from_db()
    assert waiting.state == RequestState.WITHDRAWN


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "the notice was not sent"
        time.sleep(0.005)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    messages: list[tuple[str, dict[str, Any]]] = []

    class Layer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            messages.append((group, message))

    monkeypatch.setattr(notices, "get_channel_layer", Layer)
    return messages


def test_open_pages_hear_of_a_new_question_after_the_commit(
    scene: Scene, sent: list[Any], django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        scene.ask()
        scene.ask()
        assert sent == []
    wait_until(lambda: bool(sent))
    assert sent == [(f"queue.{scene.workspace.pk}", {"type": "queue.changed"})]  # of two changes, one word


def test_a_broken_channel_layer_costs_nothing_but_the_message(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks
) -> None:
    class Layer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            tried.append(group)
            raise ConnectionError("no Redis")

    tried: list[str] = []
    monkeypatch.setattr(notices, "get_channel_layer", Layer)
    for times in (1, 2):  # the thread outlives the first failure
        with django_capture_on_commit_callbacks(execute=True):
            scene.ask()
        wait_until(lambda: len(tried) == times)  # noqa: B023
    assert FeedbackRequest.objects.count() == 2


def test_a_question_that_was_asked_already_is_not_asked_again(scene: Scene, dana: User, omar: User) -> None:
    same = rubric("The very same output.")
    first, twin, other = scene.ask(same), scene.ask(same), scene.ask()
    held = [claim_next(workspace=scene.workspace, user=user) for user in (dana, omar)]
    assert [claim.request for claim in held if claim] == [first, other]
    answer_submit(request=first, user=dana, fence=1, client_key="k", body=GOOD)
    for request in (first, twin):
        request.refresh_from_db()
        assert request.state == RequestState.ANSWERED
        assert request.item is not None
        assert request.item.state == WorkState.DUE
    late = scene.ask(same)
    assert late.state == RequestState.ANSWERED
    assert claim_next(workspace=scene.workspace, user=dana) is None


def test_another_iteration_asks_the_same_question_anew(scene: Scene) -> None:
    same = rubric("The very same output.")
    scene.ask(same)
    scene.effect.iteration = 1
    scene.effect.save()
    assert scene.ask(same).twin_of is None
