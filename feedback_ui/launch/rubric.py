"""The rubric editor: a row a level, those without a label left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict


class LevelForm(forms.Form):
    """A level of the rubric; one without a label is left out."""

    score = forms.IntegerField(required=False, widget=forms.NumberInput(attrs={"aria-label": "Score"}))
    label = forms.CharField(
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"aria-label": "Label", "placeholder": "Label"}),
    )
    description = forms.CharField(
        required=False,
        max_length=400,
        widget=forms.TextInput(
            attrs={"aria-label": "Description", "placeholder": "What an output of this level is like"}
        ),
    )


if TYPE_CHECKING:
    _LevelFormSet = forms.BaseFormSet[LevelForm]
else:
    _LevelFormSet = forms.BaseFormSet  # no generic at run time


class BaseLevels(_LevelFormSet):
    """The rubric: two levels or more, with distinct scores."""

    def levels(self) -> list[dict[str, Any]]:
        """Those that have a label, in the order of their scores."""
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data.get("label")]
        return sorted(rows, key=lambda row: row["score"])

    def clean(self) -> None:
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data.get("label")]
        if any(row.get("score") is None for row in rows):
            raise forms.ValidationError("Each level needs a score.")
        scores = [row["score"] for row in rows]
        if len(rows) < 2:
            raise forms.ValidationError("A rubric has two levels or more.")
        if twice := sorted({score for score in scores if scores.count(score) > 1}):
            raise forms.ValidationError(f"The score {twice[0]} is there twice: give each level its own.")


LevelFormSet = forms.formset_factory(LevelForm, formset=BaseLevels, extra=0)


def levels_sent(data: QueryDict) -> list[dict[str, Any]]:
    """The rows of a page as they stand, whatever is wrong with them; those left out are gone."""
    sent = LevelFormSet(data, prefix="level")
    rows = [{name: form[name].value() for name in form.fields} for form in sent.forms]
    return [row for row in rows if any(row.values())]
