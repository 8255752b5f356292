"""What uvicorn serves, in a process of its own as in life."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from a2wsgi import WSGIMiddleware
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client
from django.urls import resolve, reverse

PRODUCTION = {
    "HANDGRAD_ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "localhost",
}


def run_python(program: str, data: Path, **environment: str) -> str:
    """What a fresh Python prints that runs `program` in the repository."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "HANDGRAD_DATA": str(data), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_web_process_imports_torch(tmp_path: Path) -> None:
    program = """
import sys
import project.asgi
from django.urls import get_resolver
get_resolver().url_patterns
heavy = {"torch", "transformers", "peft", "safetensors", "numpy", "scipy", "sklearn", "pandas"}
print(sorted(heavy & set(sys.modules)))
"""
    assert run_python(program, tmp_path) == "[]\n"


def test_outside_development_every_static_file_has_its_hash_in_its_name(tmp_path: Path) -> None:
    run_python(
        "from django.core.management import execute_from_command_line as run; import project.settings, os;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings';"
        "run(['manage.py', 'collectstatic', '--noinput', '--verbosity', '0'])",
        tmp_path,
        **PRODUCTION,
    )
    program = """
import project.asgi
from django.templatetags.static import static
from project.static_files import static_application
url = static("uplot/uPlot.esm.js")
answers = []
body = static_application()({"PATH_INFO": url, "REQUEST_METHOD": "GET"}, lambda *answer: answers.append(answer))
print(answers[0][0], dict(answers[0][1])["Cache-Control"], url)
"""
    status, _, rest = run_python(program, tmp_path, **PRODUCTION).partition(" OK ")

    assert status == "200"
    assert "immutable" in rest
    assert rest.split("uPlot.esm.")[1].strip() != "js"


def test_in_development_a_static_file_is_served_as_it_is_now() -> None:
    from project.static_files import static_application

    answers: list[tuple[str, list[tuple[str, str]]]] = []
    static_application()(
        {"PATH_INFO": "/static/sortablejs/sortable.esm.js", "REQUEST_METHOD": "GET"},
        lambda status, headers: answers.append((status, headers)),
    )

    assert answers[0][0] == "200 OK"
    assert dict(answers[0][1])["Cache-Control"] == "max-age=0, public"


def socket_from(origin: bytes) -> ApplicationCommunicator:
    from project.asgi import application

    headers = [(b"origin", origin), (b"host", b"localhost")]
    return ApplicationCommunicator(
        application,
        {"type": "websocket", "path": "/ws/no-such-thing", "headers": headers, "subprotocols": []},
    )


@pytest.mark.django_db
async def test_a_socket_that_does_not_exist_is_closed_with_4404() -> None:
    socket = socket_from(b"http://localhost")

    await socket.send_input({"type": "websocket.connect"})

    assert (await socket.receive_output())["type"] == "websocket.accept"
    closed = await socket.receive_output()
    assert (closed["code"], closed["reason"]) == (4404, "There is no socket at /ws/no-such-thing.")


@pytest.mark.django_db
async def test_a_socket_from_another_site_is_refused() -> None:
    socket = socket_from(b"http://elsewhere.example")

    await socket.send_input({"type": "websocket.connect"})

    assert (await socket.receive_output())["type"] == "websocket.close"


@pytest.mark.django_db
def test_health_is_a_request_that_reaches_the_database(client: Client) -> None:
    answer = client.get("/health/")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_every_answer_forbids_what_its_page_did_not_bring(client: Client) -> None:
    policy = client.get("/health/")["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.django_db
def test_every_answer_names_its_request(client: Client) -> None:
    assert (
        client.get("/health/", headers={"X-Request-ID": "from-a-proxy-1"})["X-Request-ID"] == "from-a-proxy-1"
    )
    assert len(client.get("/health/", headers={"X-Request-ID": "<script>"})["X-Request-ID"]) == 32


async def test_a_view_that_waits_for_another_server_holds_up_no_page() -> None:
    from project.asgi import ByAddress

    answered = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if "test" in environ["PATH_INFO"]:
            answered.wait(20)
        start_response("200 OK", [])
        return [b"here"]

    served = ByAddress(*(WSGIMiddleware(application, workers=1) for _ in range(3)))
    waiting = [reverse("endpoint_try", args=[1]), "/api/v1/endpoints/1/test"]
    assert all(resolve(path) for path in waiting)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(served), base_url="http://web") as client:
        tests = [asyncio.create_task(client.post(path)) for path in waiting]
        await asyncio.sleep(0)
        assert (await client.get("/runs/")).text == "here"
        assert not any(test.done() for test in tests)
        answered.set()
        assert [reply.text for reply in await asyncio.gather(*tests)] == ["here", "here"]
