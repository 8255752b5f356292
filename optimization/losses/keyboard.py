"""Keyboard: lines that a person types, awaited so that other work goes on and Ctrl-C needs no Enter."""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from threading import Thread
from types import BuiltinFunctionType
from typing import TextIO


class Keyboard:
    """Reads a line at a time, in a thread that no program waits for when it ends.

    A wait that is cancelled leaves its read open: that line goes to whoever asks next.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._open: Future[str] | None = None

    async def line(self) -> str:
        """The next line; EOFError where there is none."""
        if self._open is None:
            self._open = Future()
            self._open.set_running_or_notify_cancel()  # from now on no cancelled wait cancels the read
            fetch = partial(
                copy_context().run, self._fetch, self._open
            )  # a notebook finds its cell by the context
            Thread(target=fetch, daemon=True, name="keyboard").start()
        reading = asyncio.wrap_future(self._open)
        try:
            return await reading
        finally:
            if not reading.cancelled():
                self._open = None

    def _fetch(self, line: Future[str]) -> None:
        try:
            line.set_result(self._read())
        except BaseException as error:
            line.set_exception(error)

    def _read(self) -> str:
        if self._stream is None:
            self._stream = _redirected_stdin()
        if self._stream is None:
            return input()
        line = self._stream.readline()
        if not line:
            raise EOFError
        return line


def _redirected_stdin() -> TextIO | None:
    """Standard input that is a file or a pipe, opened once more; None at a terminal, in a notebook, in a test.

    While a thread waits in `sys.stdin` itself, the interpreter cannot end without a crash.
    """
    if not isinstance(input, BuiltinFunctionType):  # a notebook asks in its own way
        return None
    try:
        number = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    if sys.stdin.isatty() and sys.stdout.isatty():
        return None
    return open(os.dup(number), encoding=sys.stdin.encoding)
