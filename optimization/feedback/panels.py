"""Panels, and what becomes of questions when somebody leaves: what waits for who cannot judge here waits for everybody."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction

from optimization.accounts.permissions import Action, role_may
from optimization.accounts.services import membership_remove, membership_set_role
from optimization.feedback.assigning import EVERYBODY, judges_of
from optimization.feedback.errors import FeedbackError
from optimization.feedback.lanes import NOBODY, panel_lane, person_lane
from optimization.feedback.notices import queue_changed
from optimization.models import FeedbackRequest, Membership, Panel


@transaction.atomic
def panel_set(*, panel: Panel, name: str, members: Collection[User]) -> Panel:
    """The panel's name and all of its members; what waits for it waits for these now."""
    taken = Panel.objects.filter(workspace=panel.workspace_id, name=name).exclude(pk=panel.pk)
    if taken.exists():
        raise FeedbackError(f"There is a panel “{name}” already: change that one, or choose another name.")
    strangers = {user.pk for user in members} - set(judges_of(panel.workspace).values_list("pk", flat=True))
    if strangers or not members:
        raise FeedbackError("A panel is made of one or more people who judge here.")
    panel.name = name
    panel.save()
    panel.members.set(members)
    queue_changed(panel.workspace_id)
    return panel


@transaction.atomic
def panel_dissolve(*, panel: Panel) -> None:
    """The panel goes, and its questions are everybody's."""
    _free(panel.workspace_id, panel_lane(panel.pk))
    panel.delete()


@transaction.atomic
def member_leave(*, membership: Membership) -> None:
    """Takes a person out, of the panels too. Raises AccountError for the last admin."""
    membership_remove(membership=membership)
    _lanes_leave(membership)


@transaction.atomic
def member_set_role(*, membership: Membership, role: str) -> Membership:
    """Raises AccountError for an unknown role, or if no admin would be left."""
    changed = membership_set_role(membership=membership, role=role)
    if not role_may(role, Action.FEEDBACK_ANSWER):
        _lanes_leave(changed)
    return changed


def _lanes_leave(membership: Membership) -> None:
    for panel in Panel.objects.filter(workspace=membership.workspace_id, members=membership.user_id):
        panel.members.remove(membership.user_id)
        if not panel.members.exists():
            panel_dissolve(panel=panel)
    _free(membership.workspace_id, person_lane(membership.user_id))


def _free(workspace_id: int, lane: str) -> None:
    """Everybody is asked what the lane was; a repeat that only one person could judge is asked nobody."""
    waits = FeedbackRequest.objects.filter(workspace=workspace_id, lane=lane)
    waits.filter(mirror_of=None).update(lane=EVERYBODY)
    waits.exclude(mirror_of=None).update(lane=NOBODY)
    queue_changed(workspace_id)
