"""Which GPUs of this machine a job gets: each is one process's at a time, by a lock that ends with the process.

Imports without torch, and asks no driver: CUDA is the child's affair.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

DRIVER = Path("/proc/driver/nvidia/gpus")
POLL = 0.5


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES names, else the machine's GPUs by their numbers."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each.strip() for each in named.split(",") if each.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(DRIVER.iterdir())))] if DRIVER.is_dir() else []


@asynccontextmanager
async def leased(wanted: str, count: int, locks: Path) -> AsyncIterator[str]:
    """The device of a job that wants "auto", "cpu", "cuda" or "cuda:N", waited for: "cpu", or "cuda:0,2" for several.

    ValueError if there are not so many.
    """
    gpus = visible_gpus()
    if wanted == "cpu" or (wanted == "auto" and len(gpus) < count):
        yield "cpu"
        return
    number = wanted.partition(":")[2]
    choices = [number] if number else gpus
    if not set(choices) <= set(gpus) or len(choices) < count:
        raise ValueError(
            f"{count} of the GPUs {wanted} were asked for, and this machine has {', '.join(gpus) or 'none'}. "
            "Choose the device auto or cpu, or fewer processes."
        )
    with ExitStack() as held:
        taken: list[str] = []
        while len(taken) < count:
            free = (gpu for gpu in choices if gpu not in taken and _locked(locks / f"gpu-{gpu}.lock", held))
            if (gpu := next(free, None)) is None:
                await asyncio.sleep(POLL)
            else:
                taken.append(gpu)
        yield f"cuda:{','.join(taken)}"


def _locked(path: Path, held: ExitStack) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    file: IO[bytes] = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True
