"""Importing a dataset: a name, a file, and how rows without a split are dealt out."""

from __future__ import annotations

from typing import Any

from django import forms

from feedback_ui.forms import FileDrop, faults_show
from optimization.catalog.errors import DatasetRefused, RowFault

FIELDS = {"/name": "name", "/ratios": "train"}


class DatasetForm(forms.Form):
    """`rows` are the bad rows of a refused file, shown beneath it."""

    rows: tuple[RowFault, ...] = ()

    name = forms.CharField(
        max_length=80, help_text="The same name again makes a new version of that dataset."
    )
    file = forms.FileField(
        label="File",
        widget=FileDrop(attrs={"accept": ".jsonl,.ndjson,.json,application/x-ndjson"}),
        help_text="JSONL: one JSON object a line. Its fields are the program's inputs; “target” is what a judge may "
        "compare with, “split” is train, validate or test.",
    )
    train = forms.IntegerField(label="Train %", min_value=1, max_value=100, initial=60)
    validate = forms.IntegerField(label="Validate %", min_value=0, max_value=99, initial=20)
    test = forms.IntegerField(label="Test %", min_value=0, max_value=99, initial=20)

    @property
    def ratios(self) -> dict[str, float]:
        return {split: self.cleaned_data[split] / 100 for split in ("train", "validate", "test")}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        parts = [cleaned.get(split) for split in ("train", "validate", "test")]
        if None not in parts and sum(part or 0 for part in parts) != 100:
            self.add_error("train", "Train, validate and test must add up to 100.")
        return cleaned

    def refuse(self, refused: DatasetRefused) -> None:
        """Shows why the file was refused: its rows beneath it, other faults at their fields."""
        self.rows = refused.rows
        if refused.faults:
            faults_show(self, ((fault.pointer, fault.message) for fault in refused.faults), FIELDS)
        else:
            self.add_error("file", str(refused))
