"""Named fault points of a job's child process, where a test may kill it: `HANDGRAD_POLICY_FAULT=training:2`, the second
time it gets there. `training:2:FILE` does so once: it makes the file, and a process that finds it goes on. With `memory`
in place of the file it raises what an allocator raises.

Unset, as in production, a fault point is one comparison.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "HANDGRAD_POLICY_FAULT"


class _Plan:
    name = ""
    left = 0
    once = ""


def arm(spec: str) -> None:
    """Plan a death as the variable spells it; "" plans none."""
    name, _, rest = spec.partition(":")
    hit, _, once = rest.partition(":")
    _Plan.name, _Plan.left, _Plan.once = name, int(hit or 1), once


def fault(name: str) -> None:
    """Kill this process, as the kernel would, if this is the point and the time that was asked for."""
    if name != _Plan.name:
        return
    _Plan.left -= 1
    if _Plan.left != 0 or (_Plan.once and Path(_Plan.once).exists()):
        return
    if _Plan.once == "memory":
        raise MemoryError("out of memory: a test asked for it")
    if _Plan.once:
        Path(_Plan.once).touch()
    os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get(VARIABLE, ""))
