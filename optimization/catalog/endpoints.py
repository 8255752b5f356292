"""Endpoints: what a workspace's runs may call, edited while they run, keys write-only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from optimization.catalog.addresses import AddressRefused, address_policy
from optimization.catalog.errors import EndpointChanged, EndpointRefused, Fault
from optimization.catalog.keys import key_decrypt, key_encrypt
from optimization.llm.endpoints import OPENAI_ADDRESS, EndpointConfig, ResourceConfig
from optimization.models import Endpoint, Workspace
from optimization.rehearsal import MODEL as REHEARSAL_MODEL

NO_KEY = "no-key"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_./-]*$", max_length=80)]
Price = Annotated[Decimal, Field(ge=0, lt=1_000_000)]
PerMinute = Annotated[int, Field(ge=1, le=2_000_000_000)]


class EndpointFields(BaseModel):
    """What a person may set. Rates are per minute, times in seconds, prices in US dollars per million tokens.

    `name` is the alias that modules ask for, such as default, judge or optimizer/updater; an empty `base_url` is
    OpenAI's. `api_key` is never given back: null leaves the stored one, an empty text takes it away.
    """

    model_config = ConfigDict(extra="forbid")

    name: Name
    model: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=160)]
    base_url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    api_key: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None = Field(
        default=None, repr=False
    )
    max_concurrent: Annotated[int, Field(ge=1, le=10_000)] | None = 64
    rate_limit: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = 2048
    max_retries: Annotated[int, Field(ge=0, le=20)] = 3
    retry_delay: Annotated[float, Field(ge=0, le=600)] = 1.0
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0
    input_cost_per_1m: Price = Decimal(0)
    output_cost_per_1m: Price = Decimal(0)


def endpoint_create(*, workspace: Workspace, **fields: Any) -> Endpoint:
    """`fields` as in EndpointFields. Raises EndpointRefused with a fault per field."""
    values = _values(fields)
    key = values.pop("api_key") or ""
    try:
        with transaction.atomic():
            return Endpoint.objects.create(workspace=workspace, api_key_encrypted=key_encrypt(key), **values)
    except IntegrityError as error:
        raise _taken(values["name"]) from error


def endpoint_update(*, endpoint: Endpoint, revision: int | None = None, **changes: Any) -> Endpoint:
    """Changes the named fields, in force for the next call. A `revision` that is no longer the endpoint's raises
    EndpointChanged. A stored key does not follow the endpoint to another host: it must be entered again."""
    known = {name: getattr(endpoint, name) for name in EndpointFields.model_fields if name != "api_key"}
    values = _values({**known, **changes})
    key = values.pop("api_key")
    if (
        key is None
        and endpoint.api_key_encrypted
        and _origin(values["base_url"]) != _origin(endpoint.base_url)
    ):
        raise EndpointRefused(
            "The address leads to another host, and the key is not sent there unasked: enter the key again.",
            [Fault("/api_key", "enter it again for the new host")],
        )
    if key is not None:
        values["api_key_encrypted"] = key_encrypt(key)
    if values["base_url"] != endpoint.base_url:
        values["is_rehearsal"] = values["base_url"] == settings.REHEARSAL_URL
    expected = endpoint.revision if revision is None else revision
    try:
        with transaction.atomic():
            changed = Endpoint.objects.filter(pk=endpoint.pk, revision=expected).update(
                revision=F("revision") + 1, updated_at=Now(), **values
            )
    except IntegrityError as error:
        raise _taken(values["name"]) from error
    if not changed:
        raise EndpointChanged(
            f"The endpoint {endpoint.name} was changed or deleted in the meantime: look at it again, then save."
        )
    endpoint.refresh_from_db()
    return endpoint


def endpoint_delete(*, endpoint: Endpoint) -> None:
    """Runs that ask for its name go to the endpoint that the name falls back to."""
    endpoint.delete()


def endpoints_for(workspace: Workspace) -> dict[str, Endpoint]:
    """The workspace's endpoints by name."""
    return {endpoint.name: endpoint for endpoint in workspace.endpoints.order_by("name")}


def endpoint_for(workspace: Workspace, alias: str) -> Endpoint:
    """The endpoint that answers for an alias, by the rule of ResourceConfig. Raises NoSuchEndpoint."""
    endpoints = endpoints_for(workspace)
    configs = {name: EndpointConfig(model=endpoint.model) for name, endpoint in endpoints.items()}
    return endpoints[ResourceConfig(configs).resolve(alias)]


def endpoint_key(endpoint: Endpoint) -> str:
    """The API key in plain text, for the call itself and nothing else."""
    return key_decrypt(endpoint.api_key_encrypted)


def endpoint_config(endpoint: Endpoint) -> EndpointConfig:
    """The endpoint as the pure part calls it. Address and key are always its own: what the server's environment holds
    for OpenAI never travels to an address that somebody typed."""
    return EndpointConfig(
        model=endpoint.model,
        base_url=endpoint.base_url or OPENAI_ADDRESS,
        api_key=endpoint_key(endpoint) or NO_KEY,
        max_concurrent=endpoint.max_concurrent,
        rate_limit=endpoint.rate_limit,
        tokens_per_minute=endpoint.tokens_per_minute,
        max_tokens=endpoint.max_tokens,
        max_retries=endpoint.max_retries,
        retry_delay=endpoint.retry_delay,
        timeout=endpoint.timeout,
        input_cost_per_1m=float(endpoint.input_cost_per_1m),
        output_cost_per_1m=float(endpoint.output_cost_per_1m),
    )


def default_endpoint_ensure(*, workspace: Workspace) -> Endpoint | None:
    """The endpoint `default`, made of OpenAI's variables, else of the rehearsal endpoint's address.

    Makes one where the workspace has no endpoint at all, and renews one that is still the rehearsal's: its address
    moves with the port, and a key that has come since takes its place. None if people keep others.
    """
    present = workspace.endpoints.filter(name="default").first()
    if present is None and workspace.endpoints.exists():
        return None
    if present is not None and not present.is_rehearsal:
        return present
    values = _default_values()
    endpoint, made = Endpoint.objects.get_or_create(workspace=workspace, name="default", defaults=values)
    kept = {name: value for name, value in values.items() if name != "api_key_encrypted"}
    if not made and any(getattr(endpoint, name) != value for name, value in kept.items()):
        Endpoint.objects.filter(pk=endpoint.pk).update(revision=F("revision") + 1, updated_at=Now(), **values)
        endpoint.refresh_from_db()
    return endpoint


def _default_values() -> dict[str, Any]:
    if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        return {
            "base_url": settings.OPENAI_BASE_URL,
            "model": settings.OPENAI_MODEL,
            "api_key_encrypted": key_encrypt(settings.OPENAI_API_KEY),
            "is_rehearsal": False,
        }
    return {
        "base_url": settings.REHEARSAL_URL,
        "model": REHEARSAL_MODEL,
        "api_key_encrypted": "",
        "is_rehearsal": True,
    }


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    try:
        values = EndpointFields.model_validate(fields).model_dump()
    except ValidationError as error:
        faults = [
            Fault("/" + "/".join(str(part) for part in fault["loc"][:1]), fault["msg"])
            for fault in error.errors(include_url=False)
        ]
        raise EndpointRefused(
            "; ".join(f"{fault.pointer.lstrip('/')}: {fault.message}" for fault in faults) + ".", faults
        ) from error
    if values["base_url"]:
        try:
            address_policy(values["base_url"]).check_url(values["base_url"])
        except AddressRefused as error:
            raise EndpointRefused(str(error), [Fault("/base_url", str(error))]) from error
    return values


def _taken(name: str) -> EndpointRefused:
    return EndpointRefused(
        f"There is already an endpoint named {name}: edit that one, or choose another name.",
        [Fault("/name", "already taken")],
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url or OPENAI_ADDRESS)
    return parts.scheme, parts.hostname, parts.port
