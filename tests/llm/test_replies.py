"""What a server may send and still be understood, and what is said of everything else."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from optimization.llm import EndpointConfig, ResourceManager, connection, connections
from optimization.llm.connections import Connections
from optimization.llm.wire import Wire
from tests.llm.scripted import says
from tests.llm.test_calls import HELLO

LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield f"{'https' if context else 'http'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"


def answering(*pieces: bytes, stays: bool = True) -> Talk:
    """Each request is answered by these pieces, and then the connection stays or is closed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await asked(reader):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if not stays:
                return

    return talk


async def asked(reader: asyncio.StreamReader) -> bytes:
    """The next request, with a body of two bytes."""
    try:
        return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2)
    except asyncio.IncompleteReadError:
        return b""


@contextmanager
def closing_server(reply: bytes, times: int) -> Iterator[tuple[str, threading.Semaphore]]:
    """In a thread: each connection gets this reply and is closed a moment later, which the semaphore tells."""
    closed = threading.Semaphore(0)

    def serve() -> None:
        for _ in range(times):
            connected, _ = listener.accept()
            with connected:
                connected.recv(65536)
                connected.sendall(reply)
                time.sleep(0.05)
            closed.release()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", closed


def client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=Connections(), timeout=None)


@pytest.mark.parametrize(
    "pieces",
    [
        [LENGTH + b"hello"],
        [LENGTH, b"he", b"llo"],
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx-after: 1\r\n\r\n"
        ],
        [b"HTTP/1.1 100 Continue\r\nx-early: 1\r\n\r\n", LENGTH + b"hello"],
        [b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"],
        [b"HTTP/1.1 200", b" OK\r\ncontent-", b"length: 5\r\n\r\nhello"],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n"],
    ],
    ids=[
        *("whole", "in pieces", "chunked", "announced", "lines as Unix ends them", "a head in pieces"),
        "sizes padded",
    ],
)
async def test_a_reply_is_understood_and_its_connection_used_again(pieces: list[bytes]) -> None:
    async with server(answering(*pieces)) as url, client() as http:
        for _ in range(3):
            response = await http.post(url, content=b"{}")
            assert (response.status_code, response.reason_phrase, response.text) == (200, "OK", "hello")
            assert "x-early" not in response.headers
        assert len(http._transport._all) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
        LENGTH.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
    ],
    ids=["without a length", "of old", "as it is", "told to be the last"],
)
async def test_a_reply_may_end_with_its_connection(head: bytes) -> None:
    async with server(answering(head, b"hel", b"lo", stays=False)) as url, client() as http:
        for _ in range(2):
            assert (await http.post(url, content=b"{}")).text == "hello"


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([], "closed without a reply"),
        ([b"HTTP/1.1 200 OK\r\ncontent-"], "closed without a reply"),
        ([LENGTH, b"hel"], "closed in the middle of a reply"),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"], "in the middle of a reply"),
        ([b"<html>busy</html>"], "is not HTTP"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], "is not HTTP"),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nmany\r\n"], "is not HTTP"),
    ],
)
async def test_a_reply_that_is_none_is_told_by_what_is_wrong_with_it(pieces: list[bytes], words: str) -> None:
    async with server(answering(*pieces, stays=False)) as url, client() as http:
        with pytest.raises(httpx2.RemoteProtocolError, match=words):
            await http.post(url, content=b"{}")


async def test_a_head_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LONGEST_HEAD", 1000)
    endless = [b"HTTP/1.1 200 OK\r\n", *[b"x-more: and more\r\n"] * 100]
    async with server(answering(*endless)) as url, client() as http:
        with pytest.raises(httpx2.RemoteProtocolError, match="head does not end"):
            await http.post(url, content=b"{}")


async def test_a_reset_connection_is_an_error_of_reading() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of 0 s
        writer.transport.abort()

    async with server(reset) as url, client() as http:
        with pytest.raises(httpx2.ReadError):
            await http.post(url, content=b"{}")


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere", b"there"])
async def test_what_nobody_asked_for_is_never_taken_for_the_next_reply(surplus: bytes) -> None:
    for pieces in ([LENGTH + b"hello" + surplus], [LENGTH + b"hello", surplus]):
        async with server(answering(*pieces)) as url, client() as http:
            for _ in range(3):
                assert (await http.post(url, content=b"{}")).text == "hello"
                await asyncio.sleep(0.02)


def test_a_connection_that_was_closed_while_nobody_called_is_not_used() -> None:
    """Between two runs of a loop nobody listens: what happened meanwhile is known before the next call goes out."""
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(says("hello").body), says("hello").body)
    with closing_server(reply, times=3) as (url, closed), asyncio.Runner() as runner:
        address = f"{url}v1"
        manager = ResourceManager(EndpointConfig("scripted", address, max_retries=0))
        for _ in range(3):
            assert runner.run(manager.complete("default", HELLO)).text == "hello"
            closed.acquire()


async def test_a_loop_that_was_busy_takes_no_connection_that_has_ended_meanwhile() -> None:
    with closing_server(LENGTH + b"hello", times=2) as (url, closed):
        async with client() as http:
            for _ in range(2):
                assert (await http.post(url, content=b"{}")).text == "hello"
                assert closed.acquire(timeout=10)  # the loop hears of nothing meanwhile


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEP_ALIVE_SECONDS", 0.1)
    async with server(answering(LENGTH + b"hello")) as url, client() as http:
        await asyncio.gather(*(http.post(url, content=b"{}") for _ in range(20)))
        await asyncio.sleep(0.2)
        await http.post(url, content=b"{}")
        assert sum(len(free) for free in http._transport._free.values()) == 1  # type: ignore[attr-defined]


async def test_what_cannot_be_sent_leaves_no_connection_open() -> None:
    async with server(answering(LENGTH + b"hello")) as url, client() as http:
        with pytest.raises(httpx2.LocalProtocolError):
            await http.post(url, content=b"{}", headers={"authorization": "Bearer key\n"})
        opened = list(http._transport._all)  # type: ignore[attr-defined]
        assert not any(one._is_open for one in opened)


@pytest.mark.parametrize(
    "address", ["https://models.example.co", "https://models.example.co/", "https://a.example/v1"]
)
def test_a_call_goes_to_the_host_of_its_address(address: str) -> None:
    """Also where the address has no path: else the key would go to another host."""
    wire = Wire("wire", EndpointConfig("m", address, api_key="k"), httpx2.AsyncClient())
    request = wire._client._build_request(wire._options({}, HELLO))
    assert request.url == f"{address.rstrip('/')}/chat/completions"


async def test_a_stream_is_read_as_it_comes_and_one_left_early_closes_its_connection() -> None:
    go_on = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await asked(reader):
            writer.write(LENGTH + b"he")
            await go_on.wait()
            writer.write(b"llo")

    async with server(talk) as url, client() as http:
        async with http.stream("POST", url, content=b"{}") as response:
            pieces = response.aiter_raw()
            assert await anext(pieces) == b"he"
            go_on.set()
            assert [piece async for piece in pieces] == [b"llo"]
        go_on.clear()
        async with http.stream("POST", url, content=b"{}") as response:
            assert response.status_code == 200
        go_on.set()
        assert (await http.post(url, content=b"{}")).text == "hello"


async def test_no_header_can_begin_a_line_of_its_own() -> None:
    async with server(answering(LENGTH + b"hello")) as url, client() as http:
        with pytest.raises(httpx2.LocalProtocolError, match="line break"):
            await http.post(url, content=b"{}", headers={"authorization": "Bearer key\r\nx-other: 1"})


async def test_the_certificate_must_be_that_of_the_name_and_not_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = certificate(tmp_path, "models.example")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert")
    monkeypatch.setattr(connection, "authorities", lambda: trusting)
    async with server(answering(LENGTH + b"hello"), served) as url, client() as http:
        named = {"extensions": {"sni_hostname": "models.example"}}
        assert (await http.post(url, content=b"{}", **named)).text == "hello"
        with pytest.raises(httpx2.ConnectError, match="127.0.0.1"):
            await http.post(url, content=b"{}")


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's context with a certificate of its own for a name."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context
