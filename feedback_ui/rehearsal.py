"""Whether a workspace's runs call the rehearsal endpoint: every page where that matters says so."""

from __future__ import annotations

from django.urls import reverse

from optimization.models import Endpoint, Workspace


def rehearsal_banner(workspace: Workspace) -> str:
    """The address where the endpoint is edited, for the banner; empty where `default` is a real one."""
    default = Endpoint.objects.filter(workspace=workspace, name="default", is_rehearsal=True).first()
    return reverse("endpoints") if default else ""
