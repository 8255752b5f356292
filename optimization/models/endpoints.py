"""OpenAI-compatible addresses that a workspace's runs may call."""

from __future__ import annotations

from django.db import models

from optimization.models.workspaces import Workspace


class Endpoint(models.Model):
    """`name` is the alias that modules ask for; an alias without an endpoint of its own falls back to `default`.

    `api_key_encrypted` is written through `endpoints.services.set_key` and never leaves the server.
    `max_tokens` bounds the reply of a call that names no bound: what a budget sets aside for it. Rates are per minute, times in seconds, prices in US dollars per million tokens.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="endpoints")
    name = models.CharField(max_length=80)
    base_url = models.URLField(blank=True)
    model = models.CharField(max_length=160)
    api_key_encrypted = models.TextField(blank=True)
    is_rehearsal = models.BooleanField(default=False)
    max_concurrent = models.PositiveIntegerField(null=True, blank=True, default=64)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    max_tokens = models.PositiveIntegerField(null=True, blank=True, default=2048)
    max_retries = models.PositiveSmallIntegerField(default=3)
    retry_delay = models.FloatField(default=1.0)
    timeout = models.FloatField(default=60.0)
    input_cost_per_1m = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    output_cost_per_1m = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_endpoint_per_name")]

    def __str__(self) -> str:
        return f"{self.name}: {self.model}"
