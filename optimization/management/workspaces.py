"""Which workspace a command is about."""

from __future__ import annotations

from django.core.management.base import CommandError

from optimization.models import Workspace


def workspace_named(slug: str | None) -> Workspace:
    """The workspace of that slug, or the only one there is; CommandError with the choices otherwise."""
    known = list(Workspace.objects.order_by("slug"))
    found = [workspace for workspace in known if slug in (None, workspace.slug)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(workspace.slug for workspace in known) or "none; start the stack once"
    raise CommandError(f"Say which workspace with --workspace; there are: {names}.")
