"""Adding a person, and making a token for a script."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.utils import timezone

from optimization.accounts.permissions import PERMISSIONS
from optimization.models import Membership, Role

ROLE_WORDS = {
    Role.VIEWER: "Viewer: reads programs, data and runs",
    Role.ANNOTATOR: "Annotator: judges outputs",
    Role.OPERATOR: "Operator: launches runs and imports, judges too",
    Role.ADMIN: "Admin: everything, people and endpoints too",
}
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end")]


class PersonForm(forms.Form):
    username = forms.CharField(label="Name", max_length=150, help_text="What they sign in with.")
    role = forms.ChoiceField(
        choices=[(role.value, words) for role, words in ROLE_WORDS.items()], initial=Role.ANNOTATOR.value
    )


class TokenForm(forms.Form):
    """Only what the member may do themselves can be given to a token."""

    name = forms.CharField(max_length=120, label="What is it for?")
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple(attrs={"class": "choices"}), label="What it may do"
    )
    days = forms.ChoiceField(choices=LIFETIMES, required=False, initial="90", label="It ends after")

    def __init__(self, *args: object, membership: Membership, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        scopes = sorted(PERMISSIONS[Role(membership.role)])
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(scope.value, scope.value) for scope in scopes]

    @property
    def expires(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None
