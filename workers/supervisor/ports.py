"""Ports that are free, and the same from start to start: people bookmark one address, runs pin the other.

The supervisor holds each socket and the process that serves it inherits it: no other program can take the port between
the choice and the start, and while that process is started again, requests wait instead of being refused.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from pathlib import Path

_TRIES = 50
_BACKLOG = 2048
# Below the range from which the kernel hands out ports, so that no other program is given one meanwhile.
_ANY = range(20_000, 32_000)


class PortTaken(Exception):
    """The port that was asked for belongs to another program."""


def web_listener(host: str, asked: int | None, usual: int) -> socket.socket:
    """Listens on `asked` or nothing; else on the `usual` port or the next that is free. 0 asks for any."""
    if asked:
        other = "choose another port (manage.py up --port N), or leave the choice to Handgrad"
        return asked_listener(host, asked, other)
    return _first(host, range(usual, usual + _TRIES) if asked is None else ())


def asked_listener(host: str, port: int, other: str) -> socket.socket:
    """Listens on that port; raises PortTaken, with the `other` thing that can be done than to free it."""
    if listener := _listen(host, port):
        return listener
    raise PortTaken(f"Port {port} of {host} is taken by another program. Stop that program, {other}.")


def kept_listener(path: Path, host: str, usual: int) -> socket.socket:
    """Listens on the port noted in `path` at an earlier start, the `usual` one, or any: the first that is free. Notes it."""
    noted = int(path.read_text()) if path.exists() else usual
    listener = _first(host, (noted, usual))
    path.write_text(str(listener.getsockname()[1]))
    return listener


def _first(host: str, near: Iterable[int]) -> socket.socket:
    """The first of `near` that is free, else any."""
    candidates = (*near, *random.sample(_ANY, len(_ANY)))
    return next(listener for port in candidates if (listener := _listen(host, port)))


def _listen(host: str, port: int) -> socket.socket | None:
    """None where the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # An address that merely waits out its last connections is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Its connections inherit this. The server sees the socket as a bare descriptor and would not set it itself.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        return None
    return listener
