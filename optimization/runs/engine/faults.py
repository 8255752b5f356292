"""Named fault points, where a test may kill the process.

`HANDGRAD_FAULT=after_save:3` kills this process, as the kernel would, the third time it reaches `after_save`.
Unset, as in production, a fault point is one comparison.
"""

from __future__ import annotations

import os
import signal

FAULT_POINTS = (
    "before_lease",
    "after_lease",
    "before_call",
    "after_call",
    "after_save",
    "before_commit",
    "after_commit",
    "before_step",
    "after_step",
    "before_advance",
    "after_advance",
    "before_nudge",
    "after_nudge",
)


class _Plan:
    name = ""
    left = 0


def arm(spec: str) -> None:
    """Plan a death: `name` or `name:hit`; "" plans none. ValueError for a name that no fault point has."""
    name, _, hit = spec.partition(":")
    if name and name not in FAULT_POINTS:
        raise ValueError(f"There is no fault point {name!r}; there are {', '.join(FAULT_POINTS)}.")
    _Plan.name, _Plan.left = name, int(hit or 1)


def fault(name: str) -> None:
    """Die here, if this is the planned place and time."""
    if name != _Plan.name:
        return
    _Plan.left -= 1
    if _Plan.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("HANDGRAD_FAULT", ""))
