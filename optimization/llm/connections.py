"""HTTP to one endpoint: as many connections as there are calls at once, each kept for the calls after it."""

from __future__ import annotations

import ssl
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import truststore
from aiohttp.abc import AbstractResolver

from optimization.llm.endpoints import EndpointConfig

# Many servers close what has been idle for five seconds; a call on such a connection would be lost.
KEEP_ALIVE_SECONDS = 4.0
_LONGEST_LINE = 2**20


def open_session(endpoint: EndpointConfig) -> aiohttp.ClientSession:
    """A session for one endpoint in the present event loop. The environment's proxy holds, where there is one for it."""
    return make_session(proxy=proxy_for(endpoint.url))


def make_session(
    *, resolver: AbstractResolver | None = None, proxy: str | None = None
) -> aiohttp.ClientSession:
    """A session without a timeout, cookies or a limit of its own: those who call see to that.

    `resolver` finds the addresses of a host; connections go to what it found and nowhere else.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=_authorities(), resolver=resolver
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        read_bufsize=_LONGEST_LINE,
        proxy=proxy,
    )


def proxy_for(url: str) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY mean for a URL."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    """Whose certificates are trusted: those that the machine trusts."""
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
