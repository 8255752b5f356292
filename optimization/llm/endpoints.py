"""Which model answers at which address, under which limits and prices; and which alias means which endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from optimization.llm.errors import NoSuchEndpoint

OPENAI_ADDRESS = "https://api.openai.com/v1"
DEFAULT_ALIAS = "default"

_OPTIONAL = frozenset({"max_concurrent", "rate_limit", "tokens_per_minute", "max_tokens"})
_NUMBERS: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (("max_concurrent", "max_tokens"), lambda x: x > 0 and float(x).is_integer(), "a whole number above 0"),
    (("max_retries",), lambda x: x >= 0 and float(x).is_integer(), "a whole number, 0 or more"),
    (("rate_limit", "tokens_per_minute", "timeout"), lambda x: x > 0, "a number above 0"),
    (("retry_delay", "input_cost_per_1m", "output_cost_per_1m"), lambda x: x >= 0, "a number, 0 or more"),
)


@dataclass(frozen=True)
class EndpointConfig:
    """One model behind one OpenAI-compatible address.

    Rates are per minute, times in seconds, prices in US dollars per million tokens. Without `base_url` and `api_key`
    the environment's OPENAI_BASE_URL and OPENAI_API_KEY hold; a server of one's own needs no key. `max_tokens` is the
    longest reply of a request that names no limit itself.
    """

    model: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    max_concurrent: int | None = None
    rate_limit: float | None = None
    tokens_per_minute: float | None = None
    max_retries: int = 3
    retry_delay: float = 1.0
    timeout: float = 60.0
    input_cost_per_1m: float = 0.0
    output_cost_per_1m: float = 0.0
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.model, str) and self.model):
            raise ValueError(
                "An endpoint needs the name of its model, for example EndpointConfig('gpt-4o-mini')."
            )
        of_this = f"of the endpoint for {self.model!r} must be"
        if self.base_url and not str(self.base_url).startswith(("http://", "https://")):
            raise ValueError(
                f"base_url {of_this} an address that begins with http:// or https://, not {self.base_url!r}."
            )
        for names, fits, wanted in _NUMBERS:
            for name in names:
                value = getattr(self, name)
                if value is None and name in _OPTIONAL:
                    continue
                if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
                    raise ValueError(f"{name} {of_this} {wanted}, not {value!r}.")

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return (self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_ADDRESS).rstrip("/")

    @property
    def address(self) -> str:
        """The address as it may be shown: without a user name and password written into it."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def key(self) -> str | None:
        """The key given, else the environment's; a file's last line break is none of it."""
        return (self.api_key or os.environ.get("OPENAI_API_KEY") or "").strip() or None

    @property
    def is_openai(self) -> bool:
        """Is it OpenAI's own address?"""
        return self.url.startswith("https://api.openai.com/")

    @property
    def is_priced(self) -> bool:
        """Does a call cost anything?"""
        return self.input_cost_per_1m > 0 or self.output_cost_per_1m > 0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """US dollars for so many tokens."""
        return (prompt_tokens * self.input_cost_per_1m + completion_tokens * self.output_cost_per_1m) / 1e6


class ResourceConfig(Mapping[str, EndpointConfig]):
    """Endpoints by alias: `ResourceConfig({"default": EndpointConfig("gpt-4o-mini")})`."""

    def __init__(
        self, endpoints: Mapping[str, EndpointConfig] | None = None, **named: EndpointConfig
    ) -> None:
        if endpoints is not None and not isinstance(endpoints, Mapping):
            raise TypeError(
                f"Endpoints are given by alias, as in ResourceConfig(default=EndpointConfig('gpt-4o-mini')), not as "
                f"{type(endpoints).__name__}."
            )
        self._endpoints: dict[str, EndpointConfig] = {**(endpoints or {}), **named}
        for alias, endpoint in self._endpoints.items():
            if not isinstance(endpoint, EndpointConfig):
                raise TypeError(
                    f"The endpoint {alias!r} must be an EndpointConfig, not {type(endpoint).__name__}."
                )

    def __getitem__(self, alias: str) -> EndpointConfig:
        return self._endpoints[alias]

    def __iter__(self) -> Iterator[str]:
        return iter(self._endpoints)

    def __len__(self) -> int:
        return len(self._endpoints)

    def __repr__(self) -> str:
        return f"ResourceConfig({self._endpoints!r})"

    def resolve(self, alias: str) -> str:
        """The alias that answers for `alias`: itself, else its part before the last slash, else `default`.

        Raises NoSuchEndpoint where there is none of them.
        """
        name = alias
        while name not in self._endpoints and "/" in name:
            name = name.rpartition("/")[0]
        if name in self._endpoints:
            return name
        if DEFAULT_ALIAS in self._endpoints:
            return DEFAULT_ALIAS
        raise NoSuchEndpoint(alias, tuple(self._endpoints))
