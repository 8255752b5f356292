"""The one permission table: what each role may do. What it does not name is denied."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from optimization.models import Membership, Role


class Action(StrEnum):
    """Something that a route does. The same words are the scopes of API tokens."""

    PROGRAMS_READ = "programs:read"
    PROGRAMS_WRITE = "programs:write"
    DATASETS_READ = "datasets:read"
    DATASETS_WRITE = "datasets:write"
    ENDPOINTS_READ = "endpoints:read"
    ENDPOINTS_TEST = "endpoints:test"
    ENDPOINTS_WRITE = "endpoints:write"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    OUTPUTS_READ = "outputs:read"
    FEEDBACK_ANSWER = "feedback:answer"
    FEEDBACK_READ = "feedback:read"
    FEEDBACK_REVIEW = "feedback:review"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    TOKENS_OWN = "tokens:own"


# An annotator reads how a run goes but not its single outputs: who knows an output's candidate or score does not
# judge it blind.
_VIEWER = {
    Action.PROGRAMS_READ,
    Action.DATASETS_READ,
    Action.RUNS_READ,
    Action.OUTPUTS_READ,
    Action.TOKENS_OWN,
}
_ANNOTATOR = {Action.RUNS_READ, Action.FEEDBACK_ANSWER, Action.TOKENS_OWN}
_OPERATOR = (
    _VIEWER
    | _ANNOTATOR
    | {
        Action.PROGRAMS_WRITE,
        Action.DATASETS_WRITE,
        Action.ENDPOINTS_READ,
        Action.ENDPOINTS_TEST,
        Action.RUNS_WRITE,
        Action.FEEDBACK_READ,
        Action.FEEDBACK_REVIEW,
        Action.MEMBERS_READ,
    }
)
_ADMIN = _OPERATOR | {Action.ENDPOINTS_WRITE, Action.MEMBERS_WRITE}

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.ANNOTATOR: frozenset(_ANNOTATOR),
    Role.OPERATOR: frozenset(_OPERATOR),
    Role.ADMIN: frozenset(_ADMIN),
}


def role_may(role: str, action: Action) -> bool:
    """Whether the table grants `action` to `role`; an unknown role may nothing."""
    return action in PERMISSIONS.get(Role(role), frozenset()) if role in Role.values else False


def member_may(membership: Membership | None, action: Action, scopes: Collection[str] | None = None) -> bool:
    """Whether a member may, by role and, where a token speaks for them, by its `scopes` (None: no token)."""
    if membership is None or not role_may(membership.role, action):
        return False
    return scopes is None or action in scopes


def roles_with(action: Action) -> list[str]:
    """The roles that may, in words for a refusal."""
    return [role.value for role in Role if role_may(role, action)]
