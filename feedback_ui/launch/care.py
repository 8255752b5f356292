"""The launch form's part about how carefully people are asked: who, how many more, and what measures them."""

from __future__ import annotations

from typing import Any

from django import forms

from feedback_ui.asked import asked_choices, asked_of
from optimization.models import Workspace

PLACES = {
    f"/people/{name}": name for name in ("most", "per_person", "weighted", "gold", "mirrored", "review_below")
} | {"/people/panel": "asked", "/people/person": "asked"}
NOT = ("", "no")
SHARES = [NOT, ("0.02", "1 in 50"), ("0.05", "1 in 20"), ("0.1", "1 in 10"), ("0.2", "1 in 5")]


class CareFields(forms.Form):
    """`care` is their part of the run's `people`."""

    most = forms.IntegerField(
        label="While the score is uncertain, up to",
        min_value=2,
        max_value=9,
        required=False,
        help_text="Judges an output. Empty: no more than above.",
    )
    review_below = forms.ChoiceField(
        label="A reviewer decides",
        choices=[
            NOT,
            ("0.5", "where judges differ by half the scale or more"),
            ("0.75", "where they differ by a quarter or more"),
            ("0.9", "where they differ by a tenth or more"),
        ],
        required=False,
    )
    asked = forms.ChoiceField(label="Who is asked", required=False)
    per_person = forms.IntegerField(
        label="Outputs a person, at most", min_value=1, required=False, help_text="Empty: no limit."
    )
    gold = forms.ChoiceField(label="Gold items among the outputs", choices=SHARES, required=False)
    mirrored = forms.ChoiceField(
        label="Comparisons asked again with the sides changed", choices=SHARES, required=False
    )
    colleague = forms.BooleanField(
        label="A model judge answers what it is sure of; people answer the rest, and 1 in 5 of those as well",
        required=False,
    )
    weighted = forms.BooleanField(
        label="Count each judge by the weight on the page of quality", required=False
    )

    def offer_asked(self, workspace: Workspace) -> None:
        field = self.fields["asked"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = asked_choices(workspace)

    def care(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "most": given.get("most"),
            "per_person": given.get("per_person"),
            **vars(asked_of(given.get("asked", ""))),
            "weighted": given.get("weighted", False),
            "review_below": float(given["review_below"]) if given.get("review_below") else None,
            "colleague": {} if given.get("colleague") else None,
            "gold": float(given.get("gold") or 0),
            "mirrored": float(given.get("mirrored") or 0),
        }
