"""The rehearsal colleagues that workspaces have, each with a token made for this start."""

from __future__ import annotations

from optimization.accounts.permissions import Action
from optimization.accounts.tokens import token_create, token_revoke
from optimization.models import ApiToken, Membership
from optimization.rehearsal.colleague import Persona, persona_named

TOKEN_NAME = "rehearsal colleague"


def colleagues_at_hand() -> list[tuple[Persona, str]]:
    """A persona and a token for each rehearsal colleague; the tokens of earlier starts end."""
    members = Membership.objects.filter(is_rehearsal=True).select_related("workspace", "user").order_by("pk")
    return [(persona_named(member.user.first_name), _fresh_token(member)) for member in members]


def _fresh_token(member: Membership) -> str:
    earlier = ApiToken.objects.filter(
        workspace=member.workspace, user=member.user, name=TOKEN_NAME, revoked_at=None
    )
    for token in earlier:
        token_revoke(token=token)
    _, plain = token_create(
        workspace=member.workspace, user=member.user, name=TOKEN_NAME, scopes=[Action.FEEDBACK_ANSWER]
    )
    return plain
