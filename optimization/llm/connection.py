"""One connection to an endpoint: requests go over it one after another, in HTTP/1.1, and replies are read in C.

1. A request is written whole. Its reply is given as soon as its head is in; what has not come of the body then is read as
   it comes.
2. Only a connection whose last reply came to its end is free for another request. Any other is closed: what is still to
   come of that reply would be taken for the next.
3. Nothing here ends after a time: whoever calls sees to that, and a call that is cancelled closes its connection.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, cast

import httptools
import httpx2

from optimization.llm.incoming import Incoming

LONGEST_HEAD = 100_000
NEXT_ADDRESS_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads. `server_name` is whose certificate is asked for: the host may be an address."""

    scheme: str
    host: str
    port: int
    server_name: str

    @classmethod
    def of(cls, request: httpx2.Request) -> Self:
        url = request.url
        host = url.raw_host.decode("ascii")
        port = url.port or (443 if url.scheme == "https" else 80)
        return cls(url.scheme, host, port, request.extensions.get("sni_hostname", host))


class Connection(asyncio.Protocol):
    """Made by `open`. Its parser tells it the pieces of each reply, by the methods that begin with `on_`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._incoming: Incoming | None = None
        self._head_size = 0
        self._is_open = True
        self._used_at = time.monotonic()
        self._parser = httptools.HttpResponseParser(self)
        # Some servers end their lines as Unix does, pad the sizes of chunks, or give a length beside chunks.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_chunked_length=True,
        )

    @classmethod
    async def open(cls, origin: Origin, within: float | None = None) -> Self:
        """One that is there `within` so many seconds. Raises httpx2.ConnectError."""
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {}
        if origin.scheme == "https":
            options |= {"ssl": authorities(), "server_hostname": origin.server_name}
        if isinstance(loop, asyncio.BaseEventLoop):  # uvloop tries a host's addresses one after another
            options["happy_eyeballs_delay"] = NEXT_ADDRESS_SECONDS
        try:
            async with asyncio.timeout(within):
                return (await loop.create_connection(cls, origin.host, origin.port, **options))[1]
        except OSError as error:
            raise httpx2.ConnectError(str(error) or f"nothing answers within {within} s") from error

    async def ask(self, request: httpx2.Request) -> Incoming:
        """The reply, of which the head is in. Raises an httpx2.TransportError."""
        incoming = Incoming()
        self._head_size = 0
        try:
            message = head_of(request) + await request.aread()
            self._incoming = incoming
            self._transport.write(message)
            await incoming.head()
        except BaseException:
            self.close()
            raise
        return incoming

    def is_idle(self, keep_alive: float) -> bool:
        """Whether it waits for a request, at most `keep_alive` seconds after its last reply."""
        return self._is_open and self._incoming is None and time.monotonic() < self._used_at + keep_alive

    def is_free(self, keep_alive: float) -> bool:
        """Whether it can take a request now."""
        return self.is_idle(keep_alive) and not self._has_ended()

    def _has_ended(self) -> bool:
        """Asks the system: a loop that was busy does not know yet what the server has done meanwhile."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._is_open = False
        if self._incoming is not None:
            self._incoming.fail(httpx2.ReadError("it was closed from here"))
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        incoming = self._incoming
        if incoming is None:  # nobody has asked for it
            self.close()
            return
        try:
            self._parser.feed_data(data)
            self._bound_head(incoming, len(data))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError) as error:
            incoming.fail(httpx2.RemoteProtocolError(f"what it sent is not HTTP: {error}"))
            self.close()
        incoming.wake()

    def eof_received(self) -> None:
        """Known at once, so that a connection which ended while it was idle takes no request."""
        self._is_open = False

    def connection_lost(self, error: Exception | None) -> None:
        self._is_open = False
        if self._incoming is not None:
            self._incoming.cut_off(error)

    def on_message_begin(self) -> None:
        if self._incoming is None:
            raise ValueError("more than was asked for")

    def on_status(self, reason: bytes) -> None:
        self._expected.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._expected.status:  # trailers tell nothing that is asked for
            self._expected.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._expected.head_complete(self._parser.get_status_code())

    def on_body(self, piece: bytes) -> None:
        self._expected.pieces.append(piece)

    def on_message_complete(self) -> None:
        if not self._expected.status:
            return  # a notice like "100 Continue"
        self._expected.is_whole = True
        self._incoming, self._used_at = None, time.monotonic()
        if not self._parser.should_keep_alive():
            self.close()

    @property
    def _expected(self) -> Incoming:
        assert self._incoming is not None
        return self._incoming

    def _bound_head(self, incoming: Incoming, size: int) -> None:
        if not incoming.status:
            self._head_size += size
            if self._head_size > LONGEST_HEAD:
                raise ValueError("its head does not end")


def head_of(request: httpx2.Request) -> bytes:
    """The request line and the headers, with the empty line that ends them."""
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
        raise httpx2.LocalProtocolError("a header holds a line break")
    return head + b"\r\n\r\n"


@cache
def authorities() -> ssl.SSLContext:
    """Whose certificates are trusted; to read them all takes a fortieth of a second."""
    context: ssl.SSLContext = httpx2.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
