"""Panels, and each person's switch for the digest."""

from __future__ import annotations

from django.test import Client

from optimization.models import FeedbackRequest, Membership, Panel, Workspace
from tests.feedback.scene import Scene


def test_everybody_has_a_switch_of_their_own(members: dict[str, Membership]) -> None:
    client = Client()
    client.force_login(members["annotator"].user)
    client.post("/people/mail/", {"email": "ann@example.org"})
    members["annotator"].refresh_from_db()
    assert (members["annotator"].mail_digest, members["annotator"].user.email) == (False, "ann@example.org")


def test_what_waited_for_a_dissolved_panel_waits_for_everybody(
    workspace: Workspace, members: dict[str, Membership]
) -> None:
    operator = Client()
    operator.force_login(members["operator"].user)
    operator.post("/people/panels/", {"name": "Experts", "members": [members["annotator"].user_id]})
    panel = Panel.objects.get()
    assert list(panel.members.all()) == [members["annotator"].user]
    scene = Scene.make("Elsewhere")
    scene.run.workspace = workspace
    scene.run.save()
    scene.ask(lane=f"panel:{panel.pk}")
    operator.post(f"/people/panels/{panel.pk}/end/")
    assert FeedbackRequest.objects.get().lane == "people"
