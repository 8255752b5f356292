"""In which order questions are worked off, and whose they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from optimization.feedback.lanes import panel_lane, person_lane
from optimization.feedback.services import answer_submit, claim_next
from optimization.feedback.urgency import gain_of, urgency_refresh
from optimization.models import Activity, Claim, FeedbackRequest, Panel, Run
from optimization.models.runs import IDLE
from tests.feedback.scene import GOOD, Scene


def taken(scene: Scene, user: User) -> FeedbackRequest | None:
    claim = claim_next(workspace=scene.workspace, user=user)
    return claim.request if claim else None


def judge(scene: Scene, user: User) -> FeedbackRequest | None:
    claim = claim_next(workspace=scene.workspace, user=user)
    if claim is None:
        return None
    answer_submit(request=claim.request, user=user, fence=claim.fence, client_key=f"{claim.pk}", body=GOOD)
    return claim.request


def another_run(scene: Scene) -> Scene:
    """A second run of the same workspace."""
    run = Run.objects.get(pk=scene.run.pk)
    run.pk = None
    run.save()
    effect = type(scene.effect).objects.create(run=run, iteration=0, ordinal=0, kind="forward", digest="d")
    return Scene(scene.workspace, run, effect)


def test_an_answer_frees_most_where_few_are_missing_and_the_wait_is_long() -> None:
    assert gain_of(0, 8) > gain_of(0, 1000)
    assert gain_of(3600, 8) > gain_of(0, 8)
    assert gain_of(10 * 24 * 3600, 1000) > gain_of(60, 8)  # no run waits for ever
    assert gain_of(0, 10**9) > IDLE


def test_the_run_that_gains_most_by_an_answer_comes_first(scene: Scene, dana: User) -> None:
    large = [scene.ask() for _ in range(9)]
    small = another_run(scene)
    almost_done = small.ask()
    urgency_refresh()
    assert judge(scene, dana) == almost_done
    assert judge(scene, dana) == large[0]


def test_a_run_that_still_calls_models_can_wait(scene: Scene, dana: User) -> None:
    busy, blocked = scene, another_run(scene)
    early, late = busy.ask(), blocked.ask()
    Run.objects.filter(pk=busy.run.pk).update(activity=Activity.MODELS)
    urgency_refresh()
    assert [judge(scene, dana), judge(scene, dana)] == [late, early]


def test_rows_are_written_only_when_the_gain_has_doubled(scene: Scene) -> None:
    for _ in range(4):
        scene.ask()
    now = timezone.now()
    assert urgency_refresh(now) == 4
    assert urgency_refresh(now + timedelta(seconds=5)) == 0
    assert urgency_refresh(now + timedelta(hours=1)) == 4
    Run.objects.filter(pk=scene.run.pk).update(activity=Activity.MODELS)
    assert urgency_refresh(now) == 4
    assert set(FeedbackRequest.objects.values_list("urgency", flat=True)) == {IDLE}


def test_after_priority_the_deadline_decides_then_age(scene: Scene, dana: User) -> None:
    soon, sooner = (timezone.now() + timedelta(hours=hours) for hours in (2, 1))
    old, due, first, dear = (
        scene.ask(),
        scene.ask(deadline=soon),
        scene.ask(deadline=sooner),
        scene.ask(priority=1),
    )
    assert [judge(scene, dana) for _ in range(4)] == [dear, first, due, old]


def test_a_panel_has_its_questions_to_itself(scene: Scene, dana: User, omar: User) -> None:
    panel = Panel.objects.create(workspace=scene.workspace, name="Lamp experts")
    panel.members.add(dana)
    theirs, everybodys = scene.ask(lane=panel_lane(panel.pk)), scene.ask()
    assert taken(scene, omar) == everybodys
    assert taken(scene, dana) == theirs


def test_the_order_holds_across_the_lanes_of_a_person(scene: Scene, dana: User) -> None:
    mine, open_to_all = scene.ask(lane=person_lane(dana.pk)), scene.ask(priority=3)
    assert [judge(scene, dana), judge(scene, dana)] == [open_to_all, mine]


def test_a_persons_share_of_a_run_is_capped(scene: Scene, dana: User, omar: User) -> None:
    capped = [scene.ask(per_person=2) for _ in range(3)]
    free = another_run(scene).ask()
    assert [judge(scene, dana) for _ in range(4)] == [*capped[:2], free, None]
    assert judge(scene, omar) == capped[2]


@pytest.mark.parametrize(
    ("scores", "wanted", "state"),
    [
        ((4, 4), 2, "answered"),
        ((1, 5), 3, "open"),
        ((4, 5, 5), 3, "answered"),
        ((1, 5, 1, 5), 4, "answered"),  # as uncertain as before, but no more may be asked
    ],
)
def test_one_more_is_asked_only_while_the_score_is_uncertain(
    scene: Scene, scores: tuple[int, ...], wanted: int, state: str
) -> None:
    question = scene.ask(wanted=2, most=4)
    people = [scene.person(f"person {number}") for number in range(5)]
    for user, score in zip(people, scores, strict=False):
        claim = claim_next(workspace=scene.workspace, user=user)
        assert claim
        body = {"score": score, "improvements": ["Name the lamp."]}
        answer_submit(request=question, user=user, fence=claim.fence, client_key="k", body=body)
    question.refresh_from_db()
    assert (question.wanted, question.state) == (wanted, state)


def test_the_deadline_of_a_claim_is_the_databases_time(scene: Scene, dana: User) -> None:
    scene.ask()
    assert taken(scene, dana)
    assert Claim.objects.get().expires_at > timezone.now()
