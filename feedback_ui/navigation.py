"""The top line of every page: where a person of this role can go, and what they should know on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from optimization.models import Role


@dataclass(frozen=True)
class NavItem:
    """`view` is the name of its address; `current` the value of aria-current: "page" on the page itself, "true" on one
    below it or below one of `also`."""

    label: str
    view: str
    also: tuple[str, ...] = ()
    current: str = ""

    @property
    def path(self) -> str:
        return reverse(self.view)

    def seen_from(self, path: str) -> NavItem:
        below = [self.path, *map(reverse, self.also)]
        current = "page" if path == self.path else "true" if path.startswith(tuple(below)) else ""
        return replace(self, current=current)


JUDGING = (NavItem("Judge", "judge"), NavItem("My answers", "my_answers"))
LOOKING = (NavItem("Programs", "programs"), NavItem("Runs", "runs"), NavItem("Data", "datasets"))
OPERATING = (
    NavItem("Programs", "programs"),
    NavItem("Runs", "runs"),
    NavItem("Queue", "queue", also=("judge", "my_answers")),
    NavItem("Data", "datasets"),
    NavItem("Endpoints", "endpoints"),
    NavItem("People", "people"),
)
ITEMS: dict[str, tuple[NavItem, ...]] = {
    Role.VIEWER: LOOKING,
    Role.ANNOTATOR: JUDGING,
    Role.OPERATOR: OPERATING,
    Role.ADMIN: OPERATING,
}


def navigation(request: HttpRequest) -> dict[str, object]:
    """Context processor: `nav_items` of the person's role, none before they have signed in. Parts of pages do without."""
    membership = getattr(request, "membership", None)
    items = ITEMS.get(membership.role, ()) if membership else ()
    return {"nav_items": SimpleLazyObject(lambda: [item.seen_from(request.path) for item in items])}
