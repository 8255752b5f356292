"""Questions enter the queue once, and leave it with their run."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.feedback import notices
from optimization.feedback.services import request_open, requests_withdraw
from optimization.losses.questions import QUESTION
from optimization.models import FeedbackRequest, RequestState
from tests.feedback.scene import Scene, rubric


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
        assert sent == []
    assert sent == [(f"queue.{scene.workspace.pk}", {"type": "queue.changed"})]


def test_a_broken_channel_layer_costs_nothing_but_the_message(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks
) -> None:
    class Layer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise ConnectionError("no Redis")

    monkeypatch.setattr(notices, "get_channel_layer", Layer)
    with django_capture_on_commit_callbacks(execute=True):
        scene.ask()
    assert FeedbackRequest.objects.count() == 1
