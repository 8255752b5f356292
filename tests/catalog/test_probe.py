"""The test button makes a real call, to addresses that are allowed where the connection is made."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from optimization.catalog.endpoints import endpoint_create
from optimization.catalog.probe import endpoint_test
from optimization.models import Endpoint, Workspace

GOOD = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ready"}}
        ],
        "usage": {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9},
    }
)


class Server(ThreadingHTTPServer):
    """Answers every call as `answer` says and keeps what it was sent."""

    answer: tuple[int, str, dict[str, str]] = (200, GOOD, {})
    calls: list[tuple[str, dict[str, str]]]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, body, headers = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.calls = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def endpoint(workspace: Workspace, server: Server) -> Endpoint:
    return endpoint_create(
        workspace=workspace, name="default", model="tiny", base_url=server.url, api_key="sk-1234567890"
    )


def test_a_good_endpoint_answers_and_says_how_long_it_took(endpoint: Endpoint, server: Server) -> None:
    test = endpoint_test(endpoint)
    assert test.ok, test.message
    assert "tiny answered" in test.message
    assert "“ready”" in test.message
    path, headers = server.calls[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-1234567890"
    assert headers["host"] == f"localhost:{server.server_port}"


def test_the_environments_key_never_goes_to_an_address_of_ones_own(endpoint, server, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    endpoint.api_key_encrypted = ""
    endpoint_test(endpoint)
    assert "sk-environment" not in str(server.calls)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, '{"error": {"message": "bad key sk-1234567890"}}', {}), "refused the API key"),
        ((404, '{"error": {"message": "no such model"}}', {}), "knows no such model"),
        ((429, "{}", {}), "called too often"),
        ((500, "oops", {}), "failed (500)"),
        ((200, "<html>hello</html>", {"Content-Type": "text/html"}), "instead of JSON"),
        ((307, "", {"Location": "http://169.254.169.254/"}), "redirects are not followed"),
    ],
)
def test_what_goes_wrong_is_said_in_words_once_and_without_the_key(endpoint, server, answer, words) -> None:
    server.answer = answer
    test = endpoint_test(endpoint)
    assert not test.ok
    assert words in test.message
    assert "sk-1234567890" not in test.message
    assert len(server.calls) == 1


def test_nobody_there_is_said_in_words(workspace: Workspace) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = endpoint_create(
        workspace=workspace, name="default", model="tiny", base_url=f"http://127.0.0.1:{port}/v1"
    )
    assert "could not be reached" in endpoint_test(endpoint).message


def test_a_name_that_leads_to_this_machine_is_not_called_where_that_is_not_allowed(
    endpoint: Endpoint, server: Server, settings
) -> None:
    settings.ENDPOINT_LOCAL = False
    test = endpoint_test(endpoint)
    assert not test.ok
    assert "HANDGRAD_ENDPOINT_LOCAL=1" in test.message
    assert server.calls == []


def test_only_named_hosts_are_called_where_some_are_named(endpoint, server, settings) -> None:
    settings.ENDPOINT_LOCAL = False
    settings.ENDPOINT_HOSTS = ["models.example"]
    assert "not among the hosts" in endpoint_test(endpoint).message
    settings.ENDPOINT_HOSTS = ["localhost"]
    assert endpoint_test(endpoint).ok
    assert len(server.calls) == 1


def test_the_rehearsal_endpoint_may_be_local_anywhere(endpoint, server, settings) -> None:
    settings.ENDPOINT_LOCAL = False
    settings.REHEARSAL_URL = server.url
    assert endpoint_test(endpoint).ok
