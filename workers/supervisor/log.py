"""One log for all processes: an aligned, coloured prefix, then the line as the process wrote it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import cycle
from typing import TextIO

_RESET = "\033[0m"
_COLOURS = tuple(f"\033[{code}m" for code in (36, 32, 33, 35, 34, 96, 92, 93, 95, 94))
SUPERVISOR = "up"


class StackLog:
    """Writes whole lines; `say` is the supervisor's own voice."""

    def __init__(self, names: Iterable[str], stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        names = [*names, SUPERVISOR]
        self._width = max(map(len, names))
        self._colours = dict(zip(names, cycle(_COLOURS), strict=False)) if self._wants_colour() else {}

    def line(self, name: str, text: str) -> None:
        colour = self._colours.get(name, "")
        reset = _RESET if colour else ""
        self._write(f"{colour}{name:<{self._width}} │{reset} {text}")

    def say(self, text: str) -> None:
        for line in text.splitlines() or [""]:
            self.line(SUPERVISOR, line)

    def _write(self, text: str) -> None:
        # Where whoever read the log has gone (`make up | head`, a closed terminal), the processes go on.
        with suppress(OSError, ValueError):
            print(text, file=self._stream, flush=True)

    def _wants_colour(self) -> bool:
        return self._stream.isatty() and "NO_COLOR" not in os.environ
