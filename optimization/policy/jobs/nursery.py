"""The nursery: a process that has imported torch, and forks a child for each job, which then begins at once.

1. It listens at a unix socket; each connection is one job: a line of JSON with the job's folder and environment.
2. It forks a child, which leads a session of its own, and answers with its process id.
3. When the child has ended, it answers with its exit code, as `waitpid` tells it, and closes the connection.
4. The child reads the connection too: it ends when the other side does, and when the nursery does.
5. The nursery ends when its standard input does: with the process that started it, however that ends.

It never asks for a GPU itself: CUDA does not survive a fork.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from optimization.policy import faults
from optimization.policy.jobs.child import main
from optimization.policy.jobs.spec import JobFolder


def serve(address: str) -> None:
    """Fork a child for each connection until standard input ends."""
    from optimization.policy.jobs.work import import_all  # torch comes in here, once

    import_all()
    children: dict[int, socket.socket] = {}
    with _listening(address) as listener, _told_of_ends() as ends, selectors.DefaultSelector() as waiting:
        for source in (listener, sys.stdin, ends):
            waiting.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in waiting.select()}
            if sys.stdin in ready and not os.read(0, 64):
                return
            if ends in ready:
                ends.recv(4096)
                _report(children)
            if listener in ready:
                connection, _ = listener.accept()
                _fork(connection, listener, children)


def _fork(connection: socket.socket, listener: socket.socket, children: dict[int, socket.socket]) -> None:
    asked: dict[str, Any] = json.loads(connection.makefile().readline())
    child = os.fork()
    if child == 0:
        listener.close()
        for other in children.values():
            other.close()
        _become(asked, connection)
    children[child] = connection
    with contextlib.suppress(OSError):
        connection.sendall(f"{child}\n".encode())


def _become(asked: dict[str, Any], connection: socket.socket) -> NoReturn:
    """The child's life; nothing of the nursery's goes on in it."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(JobFolder(Path(asked["folder"])).log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(asked["environment"])
        faults.arm(os.environ.get(faults.VARIABLE, ""))
        threading.Thread(target=_end_with, args=(connection, os.getppid()), daemon=True).start()
        code = main(asked["folder"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _end_with(connection: socket.socket, nursery: int) -> None:
    """End this process when the other side of the connection, or the nursery, has ended."""
    connection.settimeout(0.5)
    while os.getppid() == nursery:
        with contextlib.suppress(TimeoutError):
            if not connection.recv(1):
                break
    os._exit(1)


def _report(children: dict[int, socket.socket]) -> None:
    """Tell whoever asked that a child has ended, and how."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        with children.pop(child) as connection, contextlib.suppress(OSError):
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            # The child's own copy is closed by its end; this one says so at once.
            connection.shutdown(socket.SHUT_RDWR)


def _listening(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    return listener


def _told_of_ends() -> socket.socket:
    """A socket that becomes readable when a child has ended."""
    told, telling = socket.socketpair()
    telling.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(telling.detach())
    return told


if __name__ == "__main__":
    try:
        serve(sys.argv[1])
    finally:
        shutil.rmtree(Path(sys.argv[1]).parent, ignore_errors=True)
