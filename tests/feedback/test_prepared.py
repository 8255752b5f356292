"""Prepared statements do what the query would that they are made of, on whatever connection and in whatever thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from optimization.models import Claim, ClaimState, Draft, FeedbackRequest
from optimization.models.prepared import Prepared, PreparedDelete, PreparedInsert, PreparedUpdate
from tests.feedback.scene import Scene, rubric


def _asked(workspace: int, kind_text: str) -> QuerySet[FeedbackRequest]:
    claimed = Exists(Claim.objects.filter(request=OuterRef("pk")))
    rows = FeedbackRequest.objects.filter(workspace=workspace, kind=kind_text)
    return (
        rows.select_related("run__workspace")
        .annotate(claimed=claimed, left=F("wanted") - F("taken"))
        .order_by("pk")
    )


ASKED: Prepared[FeedbackRequest] = Prepared(_asked, "workspace", "kind_text")


def asked(scene: Scene) -> list[FeedbackRequest]:
    return ASKED(workspace=scene.workspace.pk, kind_text="rubric")


@pytest.fixture
def questions(scene: Scene) -> list[FeedbackRequest]:
    return [scene.ask(rubric(text), wanted=2) for text in ("One", "Two")]


def new_claim(request: FeedbackRequest, user: User) -> Claim:
    return Claim(request=request, user=user, fence=7, expires_at=timezone.now() + timedelta(minutes=1))


def test_rows_are_as_the_query_gives_them(
    scene: Scene, questions: list[FeedbackRequest], django_assert_num_queries
) -> None:
    plain = _asked(scene.workspace.pk, "rubric")
    with django_assert_num_queries(1):
        rows = asked(scene)
        assert [row.run.workspace for row in rows] == [scene.workspace] * 2
    for row, same in zip(rows, plain, strict=True):
        assert {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields} == {
            field.attname: getattr(same, field.attname) for field in same._meta.concrete_fields
        }
        assert (row.claimed, row.left) == (same.claimed, same.left)
        assert not row._state.adding


def test_each_call_has_its_own_parameters(scene: Scene, questions: list[FeedbackRequest]) -> None:
    assert asked(scene) == questions
    assert ASKED(workspace=scene.workspace.pk, kind_text="ranking") == []
    assert ASKED.first(workspace=scene.workspace.pk + 1, kind_text="rubric") is None


def test_a_parameter_that_the_statement_does_not_keep_is_refused() -> None:
    lost: Prepared[Claim] = Prepared(lambda user: Claim.objects.filter(fence=user + 1), "user")
    with pytest.raises(ValueError, match="does not keep user as a parameter"):
        lost(user=1)


def test_a_row_is_stored_changed_and_deleted(
    scene: Scene, dana: User, questions: list[FeedbackRequest]
) -> None:
    claim = PreparedInsert(Claim)(new_claim(questions[0], dana))
    assert Claim.objects.get() == claim
    assert (Claim.objects.get().fence, Claim.objects.get().expires_at) == (7, claim.expires_at)
    release: PreparedUpdate[Claim] = PreparedUpdate(
        lambda user: Claim.objects.filter(user=user), "user", state=ClaimState.RELEASED
    )
    assert (release(user=dana.pk + 1), release(user=dana.pk)) == (0, 1)
    assert Claim.objects.get().state == ClaimState.RELEASED
    Draft.objects.create(request=questions[0], user=dana, body={})
    forget: PreparedDelete[Draft] = PreparedDelete(lambda user: Draft.objects.filter(user=user), "user")
    assert (forget(user=dana.pk + 1), forget(user=dana.pk)) == (0, 1)
    assert not Draft.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_made_anew(scene: Scene, questions: list[FeedbackRequest]) -> None:
    assert asked(scene) == questions
    connection.close()
    assert asked(scene) == questions


@pytest.mark.django_db(transaction=True)
def test_threads_have_statements_of_their_own(scene: Scene, questions: list[FeedbackRequest]) -> None:
    def ask_often(_: int) -> list[list[FeedbackRequest]]:
        rows = [asked(scene) for _ in range(5)]
        connection.close()
        return rows

    with ThreadPoolExecutor(4) as threads:
        assert all(rows == [questions] * 5 for rows in threads.map(ask_often, range(8)))
