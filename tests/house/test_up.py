"""`manage.py up` as a person uses it: one address, a sign-in for each role, and nothing left when it ends."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psutil
import pytest
from django.conf import settings

from tests.house.up import Up
from tests.house.waiting import is_alive, wait_until

pytestmark = pytest.mark.stack

ROLES = ["admin", "operator", "annotator", "viewer"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def up(data: Path) -> Iterator[Up]:
    """One start for the whole file: it takes seconds of every core."""
    up = Up(data, HANDGRAD_LIVENESS_SECONDS="1.5")
    yield up
    up.process.kill()
    up.process.wait()


def sign_in(address: str, name: str, password: str) -> str:
    """Where the browser of one who signs in ends up."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{address}{settings.LOGIN_URL}").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
    return str(browser.open(f"{address}{settings.LOGIN_URL}", urlencode(form).encode()).url)


def test_it_prints_a_sign_in_for_each_role_that_works(up: Up) -> None:
    address = up.address

    for role in ROLES:
        password = up.wait_for(rf"^    {role} +(\S+)$")[1]
        assert not sign_in(address, role, password).endswith(settings.LOGIN_URL)


def test_a_worker_that_has_stopped_consuming_is_started_again(up: Up) -> None:
    up.wait_for(r"llm@\S+ ready")
    family = psutil.Process(up.process.pid).children()
    (llm,) = (child for child in family if "llm" in child.cmdline())
    llm.suspend()

    up.wait_for(r"llm has taken nothing from its queue for \d+ s; starting it again")
    wait_until(lambda: len(re.findall(r"llm@\S+ ready", up.printed)) == 2, seconds=60)
    assert not is_alive(llm.pid)


def test_a_second_one_on_the_same_data_folder_is_told_where_the_first_one_is(up: Up, data: Path) -> None:
    address = up.address

    second = Up(data)

    assert second.process.wait(timeout=60) == 1
    second.wait_for(rf"already running on the data folder {data}: process {up.process.pid} at {address}")


def test_killed_outright_it_leaves_nothing(up: Up) -> None:
    up.wait_for(r"^llm +│ .*ready")
    family = up.family()

    up.process.kill()
    up.process.wait()

    assert len(family) >= 12
    wait_until(lambda: not any(is_alive(pid) for pid in family))


def test_the_next_start_finds_everything_as_it_was_and_ends_with_all_its_processes(
    up: Up, data: Path
) -> None:
    password = up.address and up.wait_for(r"^    operator +(\S+)$")[1]
    up.process.kill()
    up.process.wait()

    again = Up(data)
    assert again.wait_for(r"^    operator +(.+)$")[1] == "password as before"
    assert not sign_in(again.address, "operator", password).endswith(settings.LOGIN_URL)
    again.wait_for(r"^llm +│ .*ready")
    family = again.family()

    assert again.stop() == 0
    assert again.printed.rstrip().endswith("Stopped.")
    assert not any(is_alive(pid) for pid in family)


def test_a_port_that_is_taken_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=settings.BASE_DIR,
            env=os.environ | {"HANDGRAD_DATA": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    assert refused.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken by another program." in refused.stderr
