"""Which addresses may be called, checked where the connection is made and not only where the name is written.

A name can resolve to a public address when it is saved and to a private one when it is called. So every address that
a name gives is checked as it is looked up for a connection, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from aiohttp import ClientSession, ThreadedResolver
from aiohttp.abc import ResolveResult
from django.conf import settings

from optimization.llm.connections import make_session
from optimization.llm.endpoints import EndpointConfig

Address = IPv4Address | IPv6Address


class AddressRefused(ValueError):
    """An address that the policy does not allow, and which setting would."""


@dataclass(frozen=True)
class AddressPolicy:
    """`hosts`: names that may be called wherever they lead; where some are named, no other may. `local`: models on
    this machine may be called. Without either, public addresses alone."""

    hosts: frozenset[str] = frozenset()
    local: bool = False

    def check_url(self, url: str) -> None:
        """Raises AddressRefused for what no connection could make right: scheme, credentials, host."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise AddressRefused(f"{url!r} is no address: {error}.") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise AddressRefused(f"{url!r} is no address: write it as https://host/v1.")
        if parts.username or parts.password:
            raise AddressRefused(
                "Take the user name and password out of the address: the key has its own field."
            )
        if parts.query or parts.fragment:
            raise AddressRefused("Take what follows ? or # out of the address.")
        self.check_host(host)
        if (address := _literal(host)) is not None:
            self.check_address(host, address)

    def check_host(self, host: str) -> None:
        if self.hosts and not self._named(host) and not (self.local and _is_local(host)):
            raise AddressRefused(f"{host} is not among the hosts that HANDGRAD_ENDPOINT_HOSTS allows.")

    def check_address(self, host: str, address: Address) -> None:
        """Raises AddressRefused if `host` may not lead to `address`."""
        address = getattr(address, "ipv4_mapped", None) or address
        if self._named(host):
            return
        if address.is_loopback:
            if not self.local:
                raise AddressRefused(
                    f"{host} is this machine ({address}): set HANDGRAD_ENDPOINT_LOCAL=1 if models here may be called."
                )
            return
        if not address.is_global or address.is_multicast:
            raise AddressRefused(
                f"{host} leads to {address}, which is not a public address: name the host in "
                "HANDGRAD_ENDPOINT_HOSTS if it may be called."
            )

    def _named(self, host: str) -> bool:
        return host.lower().rstrip(".") in self.hosts


class GuardedResolver(ThreadedResolver):
    """Finds addresses that the policy allows, and no others: a connection goes to what was found here."""

    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__()
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the host, each checked. Raises AddressRefused."""
        self._policy.check_host(host)
        found = await super().resolve(host, port, family)
        for entry in found:
            self._policy.check_address(host, ip_address(entry["host"].partition("%")[0]))
        return found


def open_guarded_session(endpoint: EndpointConfig) -> ClientSession:
    """With what a deployment calls an endpoint: `ResourceManager(config, open_session=open_guarded_session)`.

    Raises AddressRefused for an address that is written as a number, which no resolver sees.
    """
    policy = address_policy(endpoint.url)
    if _literal(urlsplit(endpoint.url).hostname or "") is not None:
        policy.check_url(endpoint.url)
    return make_session(resolver=GuardedResolver(policy))


def address_policy(url: str = "") -> AddressPolicy:
    """What the settings allow; the rehearsal endpoint, which the stack starts itself, besides."""
    hosts, local = frozenset(settings.ENDPOINT_HOSTS), settings.ENDPOINT_LOCAL
    if url.rstrip("/") == settings.REHEARSAL_URL.rstrip("/"):
        return AddressPolicy(hosts=hosts | {urlsplit(url).hostname or ""}, local=local)
    return AddressPolicy(hosts=hosts, local=local)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_local(host: str) -> bool:
    address = _literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)
