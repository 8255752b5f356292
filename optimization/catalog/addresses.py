"""Which addresses may be called, checked where the connection is made and not only where the name is written.

A name can resolve to a public address when it is saved and to a private one when it is called. So the transport
resolves the name itself, checks every address that it gives, and connects to the address that it checked.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from optimization.llm.connections import CONNECT_WITHIN, Connections
from optimization.llm.endpoints import EndpointConfig

LOOKED_UP_FOR = 30.0
# How long an address has to answer before the host's next one is tried.
NEXT_ADDRESS_SECONDS = 3.0
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


class GuardedTransport(Connections):
    """Connects to addresses that the policy allows, and to no others. Give it to a client that follows no redirects."""

    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__()
        self._policy = policy
        self._found: dict[tuple[str, int | None], tuple[float, list[str]]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Tries the host's addresses in turn, next time the one first that answered. The Host header and the
        certificate's name stay the host's."""
        host, port = request.url.host, request.url.port
        addresses = await self._addresses(host, port)
        refused: httpx2.ConnectError | None = None
        for left, address in zip(range(len(addresses) - 1, -1, -1), tuple(addresses), strict=True):
            if address != request.url.host:
                request.url = request.url.copy_with(host=address)
            within = NEXT_ADDRESS_SECONDS if left else None
            request.extensions = {**request.extensions, "sni_hostname": host, CONNECT_WITHIN: within}
            try:
                return await super().handle_async_request(request)
            except httpx2.ConnectError as error:
                refused = error
                if address == addresses[0]:
                    addresses.append(addresses.pop(0))
        self._found.pop((host, port), None)
        raise refused or httpx2.ConnectError(f"{host} has no address")

    async def _addresses(self, host: str, port: int | None) -> list[str]:
        """All addresses of the host, every one checked; looked up again after a while."""
        loop = asyncio.get_running_loop()
        until, known = self._found.get((host, port), (0.0, []))
        if loop.time() < until:
            return known
        self._policy.check_host(host)
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpx2.ConnectError(f"{host} has no address: {error.strerror}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._policy.check_address(host, ip_address(address.partition("%")[0]))
        addresses.sort(key=lambda one: known.index(one) if one in known else len(known))
        self._found[host, port] = (loop.time() + LOOKED_UP_FOR, addresses)
        return addresses


def guarded_http_client(endpoint: EndpointConfig) -> httpx2.AsyncClient:
    """The client with which a deployment calls an endpoint: `ResourceManager(config, http_client=guarded_http_client)`."""
    transport = GuardedTransport(address_policy(endpoint.url))
    return httpx2.AsyncClient(transport=transport, timeout=None, follow_redirects=False)


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
