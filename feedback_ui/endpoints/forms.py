"""An endpoint's form: what the service takes, the key write-only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from feedback_ui.forms import faults_show
from feedback_ui.templatetags.words import price
from optimization.catalog.errors import CatalogError
from optimization.models import Endpoint

NUMBERS = (
    "max_concurrent",
    "rate_limit",
    "tokens_per_minute",
    "max_tokens",
    "max_retries",
    "retry_delay",
    "timeout",
    "input_cost_per_1m",
    "output_cost_per_1m",
)


class EndpointForm(forms.Form):
    """`revision` is that of the endpoint as it was shown: a change made meanwhile is not overwritten."""

    name = forms.CharField(
        max_length=80,
        help_text="What programs ask for: “default”, “judge”, “optimizer/updater”. An unknown name falls back to default.",
    )
    base_url = forms.CharField(
        label="Address",
        max_length=200,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://api.openai.com/v1"}),
        help_text="Any address that speaks OpenAI's chat completions. Empty: OpenAI itself.",
    )
    model = forms.CharField(max_length=160)
    api_key = forms.CharField(
        label="Key",
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    forget_key = forms.BooleanField(label="Take the stored key away", required=False)
    input_cost_per_1m = forms.DecimalField(label="Input, $ per million tokens", min_value=0, initial=0)
    output_cost_per_1m = forms.DecimalField(label="Output, $ per million tokens", min_value=0, initial=0)
    max_concurrent = forms.IntegerField(label="Calls at once", min_value=1, required=False, initial=64)
    rate_limit = forms.IntegerField(label="Calls a minute", min_value=1, required=False)
    tokens_per_minute = forms.IntegerField(label="Tokens a minute", min_value=1, required=False)
    max_tokens = forms.IntegerField(
        label="Longest reply, tokens",
        min_value=1,
        required=False,
        initial=2048,
        help_text="Of calls that name no bound of their own; a budget sets this much aside.",
    )
    max_retries = forms.IntegerField(label="Retries", min_value=0, max_value=20, initial=3)
    retry_delay = forms.FloatField(label="Wait before a retry, s", min_value=0, max_value=600, initial=1.0)
    timeout = forms.FloatField(label="Longest wait, s", min_value=1, max_value=3600, initial=60.0)
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, endpoint: Endpoint | None = None, **kwargs: Any) -> None:
        if endpoint is not None:
            names = ("name", "base_url", "model", "revision", *NUMBERS)
            values = {name: getattr(endpoint, name) for name in names}
            kwargs["initial"] = {
                name: price(value) if isinstance(value, Decimal) else value for name, value in values.items()
            }
        super().__init__(*args, **kwargs)
        stored = bool(endpoint and endpoint.api_key_encrypted)
        self.fields["api_key"].help_text = (
            "A key is stored and is never shown. Leave this empty to keep it."
            if stored
            else "Stored encrypted and never shown again."
        )
        if not stored:
            del self.fields["forget_key"]

    @property
    def values(self) -> dict[str, Any]:
        """The service's arguments; a key that was not entered is left as it is."""
        values = {name: self.cleaned_data[name] for name in ("name", "base_url", "model", *NUMBERS)}
        key: str | None = self.cleaned_data["api_key"] or None
        if self.cleaned_data.get("forget_key"):
            key = ""
        return {**values, "api_key": key}

    def refuse(self, refused: CatalogError) -> None:
        places = {f"/{name}": name for name in self.fields}
        faults = [(fault.pointer, fault.message) for fault in refused.faults]
        faults_show(self, faults or [("", str(refused))], places)
