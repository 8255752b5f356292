"""Questions for some people only: a panel, one person by name, and what becomes of them when somebody leaves."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from optimization.feedback.assigning import Assignment, assignment_problem
from optimization.feedback.errors import FeedbackError
from optimization.feedback.services import (
    answer_submit,
    claim_next,
    member_leave,
    member_set_role,
    panel_dissolve,
    panel_set,
    questions_assign,
    request_skip,
)
from optimization.models import FeedbackRequest, Membership, Panel, RequestState
from optimization.runs.stuck import passed_on_by_all
from tests.feedback.scene import Scene

EVERYBODY = Assignment()


def lanes(scene: Scene) -> set[str]:
    return set(FeedbackRequest.objects.filter(workspace=scene.workspace).values_list("lane", flat=True))


def offered(scene: Scene, user: User) -> bool:
    return claim_next(workspace=scene.workspace, user=user) is not None


@pytest.fixture
def experts(scene: Scene, dana: User) -> Panel:
    return panel_set(panel=Panel(workspace=scene.workspace), name="Experts", members=[dana])


def test_one_person_is_asked_by_name_and_nobody_else(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    assert questions_assign(run=scene.run, to=Assignment(person="dana")) == 1
    assert not offered(scene, omar)
    assert offered(scene, dana)


def test_a_panel_is_asked_and_then_everybody_again(
    scene: Scene, omar: User, dana: User, experts: Panel
) -> None:
    scene.ask()
    questions_assign(run=scene.run, to=Assignment(panel="Experts"))
    assert not offered(scene, omar)
    questions_assign(run=scene.run, to=EVERYBODY)
    assert offered(scene, omar)


@pytest.mark.parametrize(
    ("to", "wanted", "words"),
    [
        (Assignment(person="nobody"), 1, "nobody called “nobody”"),
        (Assignment(panel="None"), 1, "no panel “None”"),
        (Assignment(panel="Experts", person="dana"), 1, "not both"),
        (Assignment(person="dana"), 2, "cannot give 2 answers"),
        (Assignment(panel="Experts"), 2, "“Experts” has 1 who may judge"),
    ],
)
def test_what_cannot_be_answered_is_not_assigned(
    scene: Scene, dana: User, experts: Panel, to: Assignment, wanted: int, words: str
) -> None:
    scene.ask(wanted=wanted)
    assert words in assignment_problem(scene.workspace, to, wanted)
    with pytest.raises(FeedbackError, match=words):
        questions_assign(run=scene.run, to=to)
    assert lanes(scene) == {"people"}


def test_what_waits_for_somebody_who_leaves_waits_for_everybody(
    scene: Scene, dana: User, omar: User, experts: Panel
) -> None:
    scene.ask(lane=f"person:{dana.pk}")
    scene.ask(lane=f"panel:{experts.pk}")
    member_leave(membership=Membership.objects.get(user=dana))
    assert lanes(scene) == {"people"}
    assert not Panel.objects.exists()


def test_so_it_does_for_somebody_who_may_judge_no_more(scene: Scene, dana: User, experts: Panel) -> None:
    experts.members.add(scene.person("lea"))
    scene.ask(lane=f"person:{dana.pk}")
    scene.ask(lane=f"panel:{experts.pk}")
    member_set_role(membership=Membership.objects.get(user=dana), role="viewer")
    assert lanes(scene) == {"people", f"panel:{experts.pk}"}
    assert list(experts.members.all()) == [User.objects.get(username="lea")]


def test_a_dissolved_panels_questions_are_everybodys(scene: Scene, experts: Panel) -> None:
    scene.ask(lane=f"panel:{experts.pk}")
    panel_dissolve(panel=experts)
    assert lanes(scene) == {"people"}


def test_a_panel_is_made_of_people_who_judge_here(scene: Scene, experts: Panel) -> None:
    viewer = scene.person("vera", role="viewer")
    with pytest.raises(FeedbackError, match="people who judge here"):
        panel_set(panel=experts, name="Experts", members=[viewer])
    with pytest.raises(FeedbackError, match="There is a panel “Experts” already"):
        panel_set(panel=Panel(workspace=scene.workspace), name="Experts", members=[scene.person("lea")])


def test_a_question_that_its_whole_panel_passed_on_is_stuck(
    scene: Scene, dana: User, omar: User, experts: Panel
) -> None:
    question = scene.ask(lane=f"panel:{experts.pk}")
    assert passed_on_by_all([scene.run]) == []
    request_skip(request=question, user=dana)
    assert passed_on_by_all([scene.run]) == [question]


def test_one_more_is_asked_only_where_somebody_is_left(scene: Scene, dana: User, omar: User) -> None:
    question = scene.ask(wanted=2, most=3)
    for person, score in ((dana, 1), (omar, 5)):
        claim = claim_next(workspace=scene.workspace, user=person)
        assert claim
        body = {"score": score, "improvements": ["Say when."]}
        answer_submit(request=question, user=person, fence=claim.fence, client_key="k", body=body)
    question.refresh_from_db()
    assert (question.state, question.wanted) == (RequestState.ANSWERED, 2)
