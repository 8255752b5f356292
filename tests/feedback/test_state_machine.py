"""The queue under a random history of everything that people can do at once.

Whatever happens: no question is answered by more than it wants, nobody answers one twice, the places add up, and in the
end every question has its answers. Each person is a thread with a connection of its own; the database is the one that
the tests run on, SQLite or PostgreSQL.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, F, Q

from optimization.feedback.errors import FeedbackError
from optimization.feedback.services import (
    answer_submit,
    claim_ahead,
    claim_next,
    claim_release,
    claim_renew,
    request_skip,
    skip_undo,
)
from optimization.models import Answer, Claim, ClaimState, FeedbackRequest, RequestState
from tests.feedback.scene import GOOD, Scene, let_expire

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE, QUESTIONS, WANTED = 6, 10, 3


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return Scene.make()


def invariants() -> None:
    counted = FeedbackRequest.objects.annotate(
        holds=Count("claims", filter=Q(claims__state=ClaimState.ACTIVE), distinct=True),
        given=Count("answers", distinct=True),
        givers=Count("answers__user", distinct=True),
    )
    assert not counted.filter(given__gt=F("wanted")).exists(), "a question has more answers than it wants"
    assert not counted.exclude(given=F("givers")).exists(), "somebody answered twice"
    assert not counted.exclude(taken=F("holds") + F("given")).exists(), "the places do not add up"


class Person:
    """One annotator who answers, answers twice, dawdles, puts off, reserves ahead, passes on and takes that back, comes back
    too late and walks away. Only one of them, by `number`, passes a question on for good, so that enough are left."""

    def __init__(self, scene: Scene, user: User, number: int, seed: int, done: threading.Event) -> None:
        self.scene, self.user, self.chance, self.done = scene, user, random.Random(seed), done
        self.number = number
        self.earlier: list[Claim] = []

    def work(self) -> None:
        try:
            while not self.done.is_set():
                self.turn()
        finally:
            connection.close()

    def turn(self) -> None:
        claim = claim_next(workspace=self.scene.workspace, user=self.user)
        if claim is None:
            left = FeedbackRequest.objects.filter(state=RequestState.OPEN)
            if not left.exclude(answers__user=self.user).exclude(skips__user=self.user).exists():
                self.done.set() if not left.exists() else self.done.wait(0.01)
            return
        self.earlier.append(claim)
        deeds = [self.answer, self.put_off, self.dawdle, self.come_back, self.look_ahead, self.pass_on]
        self.chance.choices(deeds, [6, 1, 1, 1, 2, 1])[0](claim)

    def answer(self, claim: Claim) -> None:
        for _ in range(self.chance.choice([1, 1, 2])):
            try:
                answer_submit(
                    request=claim.request,
                    user=self.user,
                    fence=claim.fence,
                    client_key=f"{claim.pk}",
                    body=GOOD,
                )
            except FeedbackError:
                return

    def put_off(self, claim: Claim) -> None:
        claim_release(request=claim.request, user=self.user, fence=claim.fence)

    def dawdle(self, claim: Claim) -> None:
        let_expire(claim)
        if self.chance.random() < 0.5:
            self._quietly(lambda: claim_renew(request=claim.request, user=self.user, fence=claim.fence))

    def look_ahead(self, claim: Claim) -> None:
        for place in (1, 2, 3):
            claim_ahead(workspace=self.scene.workspace, user=self.user, place=place)
        self.answer(claim)

    def pass_on(self, claim: Claim) -> None:
        if claim.request_id % PEOPLE != self.number:
            return
        request_skip(request=claim.request, user=self.user)
        if self.chance.random() < 0.5:
            self._quietly(lambda: skip_undo(request=claim.request, user=self.user))

    def come_back(self, claim: Claim) -> None:
        let_expire(claim)
        self.answer(self.chance.choice(self.earlier))

    @staticmethod
    def _quietly(deed: Callable[[], object]) -> None:
        try:
            deed()
        except FeedbackError:
            return


@pytest.mark.parametrize("seed", [1, 2])
def test_no_question_over_its_number_nobody_twice_none_starved(scene: Scene, seed: int) -> None:
    questions = [scene.ask(wanted=WANTED) for _ in range(QUESTIONS)]
    done = threading.Event()
    giving_up = threading.Timer(60, done.set)
    giving_up.start()
    people = [
        Person(scene, scene.person(f"person {number}"), number, seed * 100 + number, done)
        for number in range(PEOPLE)
    ]
    with ThreadPoolExecutor(PEOPLE) as pool:
        for future in [pool.submit(person.work) for person in people]:
            future.result()
    giving_up.cancel()
    invariants()
    assert Answer.objects.count() == WANTED * len(questions)
    assert set(FeedbackRequest.objects.values_list("state", flat=True)) == {RequestState.ANSWERED}
