"""Importing a JSON program: its name, and the program pasted or as a file."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from feedback_ui.forms import FileDrop, faults_show
from optimization.catalog.errors import ProgramRefused

EXAMPLE = """{
  "inputs": ["ticket"],
  "nodes": [
    {
      "id": "reply",
      "alias": "default",
      "prompt": "Ticket: {ticket}",
      "parameter": {
        "value": "You answer customers of a lamp shop.",
        "description": "How a reply is written"
      }
    }
  ],
  "output": "reply"
}"""


class ProgramForm(forms.Form):
    """`cleaned_data["spec"]` is the program as data."""

    name = forms.CharField(
        max_length=80, help_text="The same name again makes a new version of that program."
    )
    description = forms.CharField(max_length=400, required=False, label="What it does")
    text = forms.CharField(
        label="Program",
        required=False,
        widget=forms.Textarea(attrs={"class": "mono", "rows": 16, "spellcheck": "false"}),
    )
    file = forms.FileField(
        label="Or a file", required=False, widget=FileDrop(attrs={"accept": ".json,application/json"})
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        file = cleaned.get("file")
        text = file.read().decode("utf-8", "replace") if file else cleaned.get("text", "")
        if not text.strip():
            self.add_error("text", "Paste the program, or choose its file.")
            return cleaned
        try:
            cleaned["spec"] = json.loads(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            self.add_error("file" if file else "text", f"This is not JSON: {error.msg} at {place}.")
        else:
            if not isinstance(cleaned["spec"], dict):
                self.add_error("file" if file else "text", "A program is a JSON object, {…}.")
        return cleaned

    def refuse(self, refused: ProgramRefused) -> None:
        """Each fault with its place in the program."""
        place = "file" if self.cleaned_data.get("file") else "text"
        faults = [
            (
                fault.pointer,
                fault.message
                if fault.pointer == "/name"
                else f"{fault.pointer.removeprefix('/spec') or '/'}: {fault.message}",
            )
            for fault in refused.faults
        ]
        faults_show(self, faults or [("", str(refused))], {"/name": "name", "/spec": place})
