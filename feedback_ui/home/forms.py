"""The shortest way in: a prompt, a file, launch."""

from __future__ import annotations

from typing import Any

from django import forms

from feedback_ui.forms import FileDrop
from feedback_ui.launch import defaults
from optimization.catalog.selectors import datasets_of
from optimization.core.constraints import placeholders
from optimization.models import Workspace


class QuickForm(forms.Form):
    """A file, or data that is here already."""

    prompt = forms.CharField(
        label="The prompt to improve",
        max_length=20_000,
        widget=forms.Textarea(
            attrs={
                "class": "reading",
                "rows": 5,
                "placeholder": "You answer customers of a lamp shop. Be friendly.",
            }
        ),
        help_text="The instructions alone. Each row of the file is given to the model beneath them.",
    )
    file = forms.FileField(
        label="Examples",
        required=False,
        widget=FileDrop(attrs={"accept": ".jsonl,.ndjson,.json,application/x-ndjson"}),
        help_text='JSONL: one JSON object a line, such as {"ticket": "My lamp flickers."}. Forty rows are a good beginning.',
    )
    dataset = forms.ChoiceField(label="Or examples that are here", required=False)
    criteria = forms.CharField(label="What is judged", max_length=2000, initial=defaults.CRITERIA)

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = [(each.name, each.title) for each in datasets_of(workspace)]
        field = self.fields["dataset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "the file above"), *present]
        if not present:
            del self.fields["dataset"]

    def clean_prompt(self) -> str:
        prompt: str = self.cleaned_data["prompt"]
        if names := placeholders(prompt):
            raise forms.ValidationError(
                f"Take {{{names[0]}}} out: what a row says is put beneath the prompt by itself. For a program with its "
                "own places for inputs, import one under Programs."
            )
        return prompt

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if not cleaned.get("file") and not cleaned.get("dataset") and "file" not in self.errors:
            self.add_error("file", "Drop a file with examples, or choose some that are here.")
        return cleaned
