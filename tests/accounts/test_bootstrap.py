"""A fresh installation can be signed in to and run at once; a second start changes nothing."""

import pytest
from django.contrib.auth import authenticate

from optimization.accounts.bootstrap import bootstrap_workspace
from optimization.models import Dataset, Endpoint, Membership, Program, Role, Workspace


@pytest.fixture(autouse=True)
def no_key(settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""


def test_there_is_a_sign_in_for_every_role_and_each_works(db: None) -> None:
    sign_ins = bootstrap_workspace()
    assert {sign_in.role for sign_in in sign_ins} == set(Role.values)
    for sign_in in sign_ins:
        user = authenticate(username=sign_in.username, password=sign_in.password)
        assert Membership.objects.get(user=user).role == sign_in.role


def test_a_second_start_makes_nothing_and_tells_no_password(db: None) -> None:
    first = bootstrap_workspace()
    kept = [model.objects.count() for model in (Workspace, Membership, Endpoint, Program, Dataset)]
    again = bootstrap_workspace()
    assert [sign_in.username for sign_in in again] == [sign_in.username for sign_in in first]
    assert all(sign_in.password is None for sign_in in again)
    assert [model.objects.count() for model in (Workspace, Membership, Endpoint, Program, Dataset)] == kept


def test_two_rehearsal_colleagues_are_there_and_nobody_can_sign_in_as_them(db: None) -> None:
    bootstrap_workspace()
    colleagues = Membership.objects.filter(is_rehearsal=True)
    assert {colleague.role for colleague in colleagues} == {"annotator"}
    assert colleagues.count() == 2
    assert not any(colleague.user.has_usable_password() for colleague in colleagues)


def test_a_run_could_begin(db: None) -> None:
    bootstrap_workspace()
    assert Endpoint.objects.get(name="default").is_rehearsal
    assert Program.objects.filter(name="support_reply").exists()
    assert Dataset.objects.filter(name="support-tickets").exists()


def test_roles_that_people_hold_already_are_left_to_them(db: None) -> None:
    bootstrap_workspace()
    Membership.objects.filter(user__username="operator").update(role="viewer")
    operator = {sign_in.role: sign_in for sign_in in bootstrap_workspace()}["operator"]
    assert operator.username == "operator-1"
    assert operator.password
