"""The page of what is stuck: work that fails and questions that everybody passed on, each with what can be done."""

import pytest
from django.test import Client
from django.utils import timezone

from optimization.feedback.services import request_skip
from optimization.models import FeedbackRequest, Membership, Run, WorkItem, Workspace, WorkState
from tests.factories import make_effect, make_item, make_run, make_waiting
from tests.pages.reading import text

Members = dict[str, Membership]


@pytest.fixture
def run(workspace: Workspace, members: Members) -> Run:
    return make_run(workspace, members["operator"].user)


@pytest.fixture
def question(run: Run, members: Members) -> FeedbackRequest:
    (request,) = make_waiting(run, [], given=0, wanted=1)
    for role in ("annotator", "operator", "admin"):
        request_skip(request=request, user=members[role].user, reason=f"No {role} knows")
    return request


@pytest.fixture
def item(run: Run) -> WorkItem:
    effect = make_effect(run, "forward", 5, timezone.now())
    return make_item(effect, 2, WorkState.FAILED, errors=3, last_error="The endpoint cut its reply.")


def test_nothing_stuck_says_so(operator: Client, run: Run) -> None:
    assert "Nothing is stuck" in text(operator.get(f"/runs/{run.pk}/stuck/"))


def test_a_question_that_all_passed_on(operator: Client, run: Run, question: FeedbackRequest) -> None:
    assert f'href="/runs/{run.pk}/stuck/"' in operator.get(f"/runs/{run.pk}/").content.decode()
    shown = text(operator.get(f"/runs/{run.pk}/stuck/"))
    assert "“No admin knows”" in shown
    deed = f"/runs/{run.pk}/questions/{question.pk}/ask-model/"
    assert "Ask a model in their place?" in text(operator.get(deed))
    assert operator.post(deed)["Location"] == f"/runs/{run.pk}/"
    question.refresh_from_db()
    assert question.stand_in == "model"
    assert "not stuck any more" in operator.post(deed, follow=True).content.decode()


def test_failing_work(operator: Client, run: Run, item: WorkItem) -> None:
    shown = text(operator.get(f"/runs/{run.pk}/stuck/"))
    assert "Running the program: example 3 of train" in shown
    assert "The endpoint cut its reply." in shown
    assert "You charged me twice" in shown
    operator.post(f"/runs/{run.pk}/items/{item.pk}/leave-out/")
    assert "Nothing is stuck" in text(operator.get(f"/runs/{run.pk}/stuck/"))


@pytest.mark.parametrize("address", ["items/{item}/explode/", "items/999/retry/", "questions/999/go-on/"])
def test_what_is_not_there_is_not_found(operator: Client, run: Run, item: WorkItem, address: str) -> None:
    assert operator.get(f"/runs/{run.pk}/{address.format(item=item.pk)}").status_code == 404
