"""How often an annotator's answers count, in the runs that weigh them."""

from __future__ import annotations

from optimization.feedback.errors import FeedbackError
from optimization.models import Membership, Workspace

MOST = 10.0


def weight_set(*, workspace: Workspace, user_id: int, weight: float) -> bool:
    """False where nobody of the workspace is meant. Raises FeedbackError for a weight that is none."""
    if not 0 <= weight <= MOST:
        raise FeedbackError(f"A weight is 0 to {MOST:g}: 1 counts an answer once, 0 not at all.")
    return bool(Membership.objects.filter(workspace=workspace, user=user_id).update(weight=weight))
