"""The promises of the queue under real threads, each with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, F, Q

from optimization.feedback.errors import HoldLost
from optimization.feedback.services import answer_submit, claim_next, claim_release, claim_renew
from optimization.models import Answer, Claim, ClaimState, FeedbackRequest, RequestState
from tests.feedback.scene import GOOD, Scene, let_expire

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return Scene.make()


def at_once(jobs: list[Callable[[], T]]) -> list[T]:
    """Run the jobs in as many threads, released together."""
    gate = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        try:
            gate.wait()
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def claim_job(scene: Scene, user: User) -> Callable[[], Claim | None]:
    return lambda: claim_next(workspace=scene.workspace, user=user)


def assert_places_add_up() -> None:
    """`taken` is what the claims and the answers say, and never above `wanted`."""
    counted = FeedbackRequest.objects.annotate(
        holds=Count("claims", filter=Q(claims__state=ClaimState.ACTIVE), distinct=True),
        given=Count("answers", distinct=True),
    )
    assert not counted.exclude(taken=F("holds") + F("given")).exists()
    assert not counted.filter(taken__gt=F("wanted")).exists()


def test_thirty_posts_of_one_answer_make_one_row(scene: Scene, dana: User) -> None:
    question = scene.ask()
    taken = claim_next(workspace=scene.workspace, user=dana)
    assert taken

    def submit() -> Answer:
        return answer_submit(request=question, user=dana, fence=taken.fence, client_key="one", body=GOOD)

    answers = at_once([submit] * 30)
    assert {answer.pk for answer in answers} == {Answer.objects.get().pk}
    question.refresh_from_db()
    assert question.state == RequestState.ANSWERED
    assert_places_add_up()


def test_claimants_of_a_question_for_one_never_share_it(scene: Scene) -> None:
    people = [scene.person(f"person {number}") for number in range(12)]
    scene.ask()
    claims = at_once([claim_job(scene, person) for person in people])
    assert len([taken for taken in claims if taken]) == 1
    assert_places_add_up()


def test_everybody_gets_a_question_while_there_are_enough(scene: Scene) -> None:
    people = [scene.person(f"person {number}") for number in range(12)]
    for _ in people:
        scene.ask()
    claims = at_once([claim_job(scene, person) for person in people])
    assert len({taken.request_id for taken in claims if taken}) == 12


def test_the_tabs_of_one_person_share_one_question(scene: Scene, dana: User) -> None:
    for _ in range(6):
        scene.ask()
    claims = at_once([claim_job(scene, dana)] * 6)
    assert len({taken.pk for taken in claims if taken}) == 1


def test_an_expired_hold_is_taken_over_by_one_or_kept_by_its_owner(scene: Scene, dana: User) -> None:
    people = [scene.person(f"person {number}") for number in range(5)]
    question = scene.ask()
    late = claim_next(workspace=scene.workspace, user=dana)
    assert late
    let_expire(late)

    def renew() -> Claim | None:
        try:
            return claim_renew(request=question, user=dana, fence=late.fence)
        except HoldLost:
            return None

    claims = at_once([renew, *(claim_job(scene, person) for person in people)])
    assert len([taken for taken in claims if taken]) == 1
    assert_places_add_up()


def test_many_people_with_many_questions_neither_starve_nor_overfill(scene: Scene) -> None:
    people = [scene.person(f"person {number}") for number in range(5)]
    questions = [scene.ask(wanted=2) for _ in range(8)]

    def work(person: User, number: int) -> Callable[[], int]:
        def shift() -> int:
            given = 0
            for turn in range(40):
                taken = claim_next(workspace=scene.workspace, user=person)
                if taken is None:
                    continue
                if (turn + number) % 4 == 0:
                    claim_release(request=taken.request, user=person, fence=taken.fence)
                    continue
                answer_submit(
                    request=taken.request,
                    user=person,
                    fence=taken.fence,
                    client_key=f"{person.pk} {turn}",
                    body=GOOD,
                )
                given += 1
            return given

        return shift

    given = at_once([work(person, number) for number, person in enumerate(people)])
    assert sum(given) == Answer.objects.count() == 2 * len(questions)
    assert set(FeedbackRequest.objects.values_list("state", flat=True)) == {RequestState.ANSWERED}
    assert_places_add_up()
