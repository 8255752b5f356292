"""Who is asked, as one choice of a form: everybody, a panel, or one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from optimization.feedback.assigning import Assignment, judges_of
from optimization.models import Workspace
from optimization.runs.people import name_of

EVERYBODY = ("", "everybody who judges")
Choices = list[tuple[str, str | list[tuple[str, str]]]]


class AskedForm(forms.Form):
    asked = forms.ChoiceField(label="Who is asked", required=False)

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["asked"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = asked_choices(workspace)


def asked_choices(workspace: Workspace) -> Choices:
    panels = [
        (f"panel:{name}", name) for name in workspace.panels.order_by("name").values_list("name", flat=True)
    ]
    people = [(f"person:{user.get_username()}", name_of(user)) for user in judges_of(workspace)]
    return [EVERYBODY, *([("A panel", panels)] if panels else []), ("One person", people)]


def asked_of(value: str) -> Assignment:
    kind, _, name = value.partition(":")
    return Assignment(panel=name if kind == "panel" else None, person=name if kind == "person" else None)


def asked_value(people: Mapping[str, Any]) -> str:
    """The choice of a run's `people`."""
    return next((f"{kind}:{people[kind]}" for kind in ("panel", "person") if people.get(kind)), "")
