"""Arguments as fields: from the JSON schema that a choice has, to a field an argument, and back to the arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms

Schema = Mapping[str, Any]

LONG = {"criteria", "prompt_template", "success_feedback", "message"}
"""Texts of more than a line."""
BELOW_THE_HIGHEST = "below"


class JsonField(forms.CharField):
    """A list, an object or any other value as JSON; nothing is None. With `or_text` what is not JSON is a text."""

    widget = forms.Textarea(attrs={"class": "mono", "rows": 3, "spellcheck": "false"})

    def __init__(self, *, or_text: bool = False, **told: Any) -> None:
        super().__init__(**told)
        self.or_text = or_text

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        try:
            return json.loads(text) if text.strip() else None
        except json.JSONDecodeError as error:
            if self.or_text:
                return text
            raise forms.ValidationError(f"This is not JSON: {error.msg} at column {error.colno}.") from error

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


class AspectsField(forms.CharField):
    """Criteria that are judged one by one: a line each, the name, and after a colon what is asked.

    With weights or levels of their own, which lines cannot say, they are JSON.
    """

    widget = forms.Textarea(
        attrs={"rows": 3, "placeholder": "Facts: is everything right?\nTone: is it kind?"}
    )

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").strip()
        if text.startswith("["):
            return JsonField().to_python(text)
        parts = [line.partition(":") for line in text.splitlines() if line.strip()]
        return [{"name": name.strip(), "description": asked.strip()} for name, _, asked in parts] or None

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if any(set(aspect) - {"name", "description"} for aspect in value):
            return JsonField().prepare_value(value)
        said = [(aspect["name"], aspect.get("description")) for aspect in value]
        return "\n".join(f"{name}: {asked}" if asked else name for name, asked in said)


class ConstraintsField(forms.CharField):
    """Constraints, one a line: a text, or a check as a JSON object. All of them may be one JSON list as well."""

    widget = forms.Textarea(attrs={"rows": 3, "placeholder": "Stays polite."})

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").strip()
        if text.startswith("["):
            return JsonField().to_python(text)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [JsonField().to_python(line) if line.startswith("{") else line for line in lines] or None

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(one if isinstance(one, str) else JsonField().prepare_value(one) for one in value)


LINES: dict[str, type[forms.CharField]] = {"aspects": AspectsField, "constraints": ConstraintsField}
"""Arguments that are written a line each."""


def fields_of(schema: Schema, left_out: frozenset[str]) -> Iterator[tuple[str, forms.Field]]:
    """A field for each argument that is to be chosen."""
    required = schema.get("required", ())
    for name, argument in schema["properties"].items():
        if name not in left_out and "const" not in argument:
            yield name, _field(name, argument, name in required)


def arguments_in(schema: Schema, prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a cleaned form gives under `prefix`, less those that say what holds anyway."""
    found = {}
    for name, argument in schema["properties"].items():
        value = given.get(f"{prefix}_{name}")
        if value not in (None, "") and value != argument.get("default"):
            found[name] = value
    return found


def _field(name: str, schema: Schema, required: bool) -> forms.Field:
    told: dict[str, Any] = {
        "label": schema.get("title", name),
        "help_text": schema.get("description", ""),
        "initial": schema.get("default"),
        "required": required,
    }
    if name == "require_feedback":
        return forms.ChoiceField(**told | {"choices": REMARKS, "initial": BELOW_THE_HIGHEST, "help_text": ""})
    if name in LINES:
        return LINES[name](**told | {"initial": None})
    value, *others = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if others or not value.get("type"):
        return JsonField(**told, or_text=not value.get("type") or "string" in _types([value, *others]))
    if "enum" in value:
        return forms.ChoiceField(choices=[(one, one) for one in value["enum"]], **told)
    bounds = {"min_value": value.get("minimum"), "max_value": value.get("maximum")}
    match value["type"]:
        case "boolean":
            return forms.BooleanField(**told | {"required": False})
        case "integer" | "number" as kind:
            # A number that has a default is not left out.
            number = told | {"required": required or told["initial"] is not None}
            return (forms.IntegerField if kind == "integer" else forms.FloatField)(**number, **bounds)
        case "string":
            widget = forms.Textarea(attrs={"rows": 2}) if name in LONG else forms.TextInput()
            return forms.CharField(**told, widget=widget, max_length=4000)
    # An empty list or object is best shown as nothing.
    return JsonField(
        **told | {"help_text": f"{told['help_text']} As JSON.".strip(), "initial": told["initial"] or None}
    )


def _types(schemas: list[Schema]) -> set[str]:
    return {schema.get("type", "") for schema in schemas}


REMARKS = [
    (BELOW_THE_HIGHEST, "for every level but the highest"),
    ("always", "for every level"),
    ("never", "for none: they may"),
]


def feedback_required(remarks: str, levels: list[dict[str, Any]]) -> bool | float:
    """As HumanRubricLoss takes it: always, never, or at and below the second-highest score."""
    if remarks in {"always", "never"}:
        return remarks == "always"
    return float(levels[-2]["score"])


def remarks_of(required: bool | float | None) -> str:
    """The choice from which `feedback_required` makes this."""
    if isinstance(required, bool):
        return "always" if required else "never"
    return BELOW_THE_HIGHEST
