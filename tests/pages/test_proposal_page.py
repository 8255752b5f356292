"""A proposal's page: the change word by word, its causes, the scores, and the decision with what can be wrong in it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.models import Membership, ProposalReview, Run, Workspace
from tests.factories import DRAFTS, make_review, make_run
from tests.pages.conftest import Browse
from tests.pages.reading import text

NAME = "draft.system_prompt"


@pytest.fixture
def review(workspace: Workspace, members: dict[str, Membership], people: list[User]) -> ProposalReview:
    return make_review(make_run(workspace, members["operator"].user), people[0])


def address(review: ProposalReview) -> str:
    return f"/runs/{review.run_id}/proposals/{review.pk}/"


def test_the_run_leads_operators_to_it(operator: Client, browse: Browse, review: ProposalReview) -> None:
    page = f"/runs/{review.run_id}/"
    assert f'href="{address(review)}"' in operator.get(page).content.decode()
    shown = browse("viewer").get(page).content.decode()
    assert "Waiting for a decision on the rewritten prompts" in shown
    assert address(review) not in shown


def test_it_shows_the_change_its_cause_and_the_scores(operator: Client, review: ProposalReview) -> None:
    answer = operator.get(address(review))
    assert "<ins>" in answer.content.decode()
    shown = text(answer)
    assert "Take the rewritten prompts?" in shown
    assert "“Give a date”" in shown
    assert "Score with the prompts in force 0.45" in shown
    assert "not measured" in shown


def test_taking_it_unchanged_editing_it_and_keeping_the_old(operator: Client, review: ProposalReview) -> None:
    field = f"text-{NAME}"
    refused = operator.post(address(review), {field: DRAFTS[1], "reject": ""})
    assert refused.status_code == 422
    assert "Say why, so that the others know." in text(refused)
    refused = operator.post(address(review), {field: " ", "accept": ""})
    assert "A prompt cannot be empty." in text(refused)

    taken = operator.post(address(review), {field: DRAFTS[2], "accept": "", "reason": "Order number"})
    assert taken.status_code == 302
    review.refresh_from_db()
    assert (review.decision, review.candidate) == ("edited", "0.3.edited")
    shown = text(operator.get(address(review)))
    assert "Edited and taken by" in shown
    assert "Take the new prompts" not in shown


def test_a_second_word_hears_the_first(operator: Client, admin: Client, review: ProposalReview) -> None:
    operator.post(address(review), {f"text-{NAME}": DRAFTS[1], "accept": ""})
    late = admin.post(address(review), {"reject": "", "reason": "No"}, follow=True)
    assert "It is decided already" in late.content.decode()


def test_there_is_none_of_another_run(operator: Client, review: ProposalReview) -> None:
    other = Run.objects.exclude(pk=review.run_id).first()
    assert other is None
    assert operator.get(f"/runs/{review.run_id}/proposals/999/").status_code == 404
