"""API tokens live until they expire, are revoked, or their owner leaves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from optimization.accounts.errors import AccountError
from optimization.accounts.services import membership_remove
from optimization.accounts.tokens import token_authenticate, token_create, token_revoke
from optimization.models import ApiToken, Membership

Members = dict[str, Membership]


def make(member: Membership, *scopes: str, expires=None) -> tuple[ApiToken, str]:
    return token_create(
        workspace=member.workspace, user=member.user, name="script", scopes=scopes, expires=expires
    )


def test_the_plain_token_is_given_once_and_not_stored(members: Members) -> None:
    token, plain = make(members["operator"], "runs:read")
    assert plain.startswith("hg_")
    stored = ApiToken.objects.values().get(pk=token.pk)
    assert plain not in str(stored)
    assert token_authenticate(plain) == token


def test_a_wrong_token_is_nobody(members: Members) -> None:
    _, plain = make(members["operator"], "runs:read")
    assert token_authenticate(plain + "x") is None
    assert token_authenticate("") is None


def test_a_revoked_token_is_nobody(members: Members) -> None:
    token, plain = make(members["operator"], "runs:read")
    first = token_revoke(token=token).revoked_at
    assert token_authenticate(plain) is None
    assert token_revoke(token=token).revoked_at == first


def test_an_expired_token_is_nobody(members: Members) -> None:
    token, plain = make(members["operator"], "runs:read", expires=timezone.now() + timedelta(hours=1))
    assert token_authenticate(plain) == token
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert token_authenticate(plain) is None


def test_the_token_of_someone_who_may_no_longer_sign_in_is_nobody(members: Members) -> None:
    _, plain = make(members["operator"], "runs:read")
    user = members["operator"].user
    user.is_active = False
    user.save()
    assert token_authenticate(plain) is None


def test_leaving_a_workspace_ends_the_tokens_there(members: Members) -> None:
    _, plain = make(members["operator"], "runs:read")
    membership_remove(membership=members["operator"])
    assert token_authenticate(plain) is None


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ([], "needs a scope"),
        (["runs:fly"], "no scope 'runs:fly'"),
        (["runs:write"], "role viewer cannot have runs:write"),
    ],
)
def test_scopes_that_cannot_be_had_are_refused_in_words(members: Members, scopes, words) -> None:
    with pytest.raises(AccountError, match=words) as refusal:
        make(members["viewer"], *scopes)
    assert refusal.value.field == "scopes"


def test_an_expiry_in_the_past_is_refused(members: Members) -> None:
    with pytest.raises(AccountError, match="past"):
        make(members["viewer"], "runs:read", expires=timezone.now() - timedelta(seconds=1))


def test_use_is_noted_once_a_minute(members: Members, django_assert_num_queries) -> None:
    token, plain = make(members["operator"], "runs:read")
    token_authenticate(plain)
    token.refresh_from_db()
    assert token.last_used_at is not None
    with django_assert_num_queries(1):
        token_authenticate(plain)
