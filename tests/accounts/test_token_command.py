"""`manage.py token_create`: a token for a script, from the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from optimization.accounts.permissions import PERMISSIONS, Action
from optimization.accounts.tokens import token_authenticate
from optimization.models import Role


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("token_create", *arguments, stdout=out)
    return out.getvalue().strip()


def test_it_prints_a_token_that_may_do_what_the_role_may(members) -> None:
    token = token_authenticate(run("operator", "--name", "nightly"))
    assert token is not None
    assert (token.user.username, token.name) == ("operator", "nightly")
    assert set(token.scopes) == PERMISSIONS[Role.OPERATOR]


def test_it_may_be_narrower_and_never_wider_than_the_role(members) -> None:
    token = token_authenticate(run("annotator", "--scope", "feedback:answer"))
    assert token is not None
    assert token.scopes == [Action.FEEDBACK_ANSWER]
    with pytest.raises(CommandError, match="annotator cannot have runs:write"):
        run("annotator", "--scope", "runs:write")


def test_an_unknown_member_is_named(members) -> None:
    with pytest.raises(CommandError, match="no member 'nobody'"):
        run("nobody")
