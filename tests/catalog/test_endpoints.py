"""Endpoints: keys go in and never come out, edits do not overwrite each other, names fall back."""

import pytest
from cryptography.fernet import Fernet

from optimization.catalog.endpoints import (
    default_endpoint_ensure,
    endpoint_create,
    endpoint_delete,
    endpoint_for,
    endpoint_key,
    endpoint_update,
    endpoints_for,
)
from optimization.catalog.errors import EndpointChanged, EndpointRefused
from optimization.llm.errors import NoSuchEndpoint
from optimization.models import Endpoint, Workspace

KEY = "sk-a-very-secret-key"


@pytest.fixture
def endpoint(workspace: Workspace) -> Endpoint:
    return endpoint_create(workspace=workspace, name="default", model="gpt-4.1-mini", api_key=KEY)


def test_a_key_is_stored_encrypted(endpoint: Endpoint) -> None:
    stored = Endpoint.objects.values().get(pk=endpoint.pk)
    assert KEY not in str(stored)
    assert endpoint_key(endpoint) == KEY


def test_keys_survive_a_rotation_and_a_lost_one_says_what_to_do(endpoint: Endpoint, settings) -> None:
    settings.ENDPOINT_KEYS = [Fernet.generate_key().decode()]
    assert endpoint_key(endpoint) == KEY
    settings.SECRET_KEY = "another"
    with pytest.raises(EndpointRefused, match="enter it again"):
        endpoint_key(endpoint)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "My Endpoint"}, "/name"),
        ({"model": "  "}, "/model"),
        ({"timeout": 0}, "/timeout"),
        ({"rate_limit": 0}, "/rate_limit"),
        ({"input_cost_per_1m": -1}, "/input_cost_per_1m"),
        ({"colour": "green"}, "/colour"),
        ({"base_url": "ftp://models.example/v1"}, "/base_url"),
        ({"base_url": "https://user:pass@models.example/v1"}, "/base_url"),
        ({"base_url": "http://10.0.0.7/v1"}, "/base_url"),
        ({"base_url": "http://169.254.169.254/latest"}, "/base_url"),
        ({"base_url": "http://[::ffff:10.0.0.1]/v1"}, "/base_url"),
        ({"base_url": "http://[::1"}, "/base_url"),
    ],
)
def test_a_field_that_cannot_be_is_named(workspace: Workspace, fields, pointer) -> None:
    with pytest.raises(EndpointRefused) as refusal:
        endpoint_create(workspace=workspace, **{"name": "judge", "model": "m", **fields})
    assert [fault.pointer for fault in refusal.value.faults] == [pointer]
    assert not Endpoint.objects.exists()


def test_a_name_is_taken_once(endpoint: Endpoint, workspace: Workspace) -> None:
    judge = endpoint_create(workspace=workspace, name="judge", model="m")
    with pytest.raises(EndpointRefused, match="already an endpoint named default"):
        endpoint_create(workspace=workspace, name="default", model="m")
    with pytest.raises(EndpointRefused, match="already an endpoint named default"):
        endpoint_update(endpoint=judge, name="default")


def test_an_edit_changes_what_it_names_and_keeps_the_key(endpoint: Endpoint) -> None:
    changed = endpoint_update(endpoint=endpoint, timeout=5)
    assert (changed.timeout, changed.model, changed.revision) == (5, "gpt-4.1-mini", 2)
    assert endpoint_key(changed) == KEY
    assert endpoint_key(endpoint_update(endpoint=changed, api_key="")) == ""


def test_of_two_edits_at_once_the_second_is_told(endpoint: Endpoint) -> None:
    endpoint_update(endpoint=endpoint, revision=1, timeout=5)
    with pytest.raises(EndpointChanged, match="look at it again"):
        endpoint_update(endpoint=endpoint, revision=1, timeout=6)


def test_a_key_does_not_follow_the_address_to_another_host(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointRefused, match="enter the key again") as refusal:
        endpoint_update(endpoint=endpoint, base_url="https://models.example/v1")
    assert refusal.value.faults[0].pointer == "/api_key"
    moved = endpoint_update(endpoint=endpoint, base_url="https://models.example/v1", api_key="new")
    assert endpoint_key(moved) == "new"


def test_a_name_falls_back_to_the_part_before_its_slash_then_to_default(workspace: Workspace) -> None:
    with pytest.raises(NoSuchEndpoint, match="Add an endpoint"):
        endpoint_for(workspace, "judge")
    default = endpoint_create(workspace=workspace, name="default", model="m")
    optimizer = endpoint_create(workspace=workspace, name="optimizer", model="m")
    assert endpoint_for(workspace, "judge") == default
    assert endpoint_for(workspace, "optimizer/updater") == optimizer
    assert set(endpoints_for(workspace)) == {"default", "optimizer"}
    endpoint_delete(endpoint=optimizer)
    assert endpoint_for(workspace, "optimizer/updater") == default


def test_without_a_key_in_the_environment_the_default_is_the_rehearsal(workspace, settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    settings.REHEARSAL_URL = "http://127.0.0.1:9001/v1"
    first = default_endpoint_ensure(workspace=workspace)
    assert first.is_rehearsal
    settings.REHEARSAL_URL = "http://127.0.0.1:9002/v1"
    moved = default_endpoint_ensure(workspace=workspace)
    assert (moved.pk, moved.base_url) == (first.pk, "http://127.0.0.1:9002/v1")


def test_a_key_in_the_environment_takes_the_rehearsals_place(workspace, settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    default_endpoint_ensure(workspace=workspace)
    settings.OPENAI_API_KEY, settings.OPENAI_MODEL = KEY, "gpt-5"
    default = default_endpoint_ensure(workspace=workspace)
    assert (default.is_rehearsal, default.model, endpoint_key(default)) == (False, "gpt-5", KEY)


def test_an_endpoint_that_people_set_is_left_alone(endpoint: Endpoint, workspace, settings) -> None:
    settings.OPENAI_API_KEY = "another"
    assert default_endpoint_ensure(workspace=workspace) == endpoint
    assert endpoint_key(Endpoint.objects.get()) == KEY


def test_editing_the_rehearsals_address_makes_it_a_persons(workspace, settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    default = default_endpoint_ensure(workspace=workspace)
    endpoint_update(endpoint=default, base_url="https://models.example/v1")
    assert default_endpoint_ensure(workspace=workspace).base_url == "https://models.example/v1"


def test_the_rehearsals_limits_can_be_set_where_local_models_are_not_allowed(workspace, settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    settings.ENDPOINT_LOCAL = False
    default = default_endpoint_ensure(workspace=workspace)
    assert endpoint_update(endpoint=default, max_concurrent=2).is_rehearsal
