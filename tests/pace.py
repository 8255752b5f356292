"""How fast code is, told so that a busy machine does not change the answer: by operations, or by the best attempt."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any


def operations(work: Callable[[], object]) -> int:
    """The lines run and the calls made, of Python and into C: the same count whatever else the machine does."""
    count = 0

    def counting(*_: Any) -> Any:
        nonlocal count
        count += 1
        return counting

    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(counting)
    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
    return count


def best_of(measure: Callable[[], float], limit: float, attempts: int = 5) -> float:
    """The least of up to so many measurements; the first below the limit ends them.

    Slow code is slow each time, a neighbour's work or a collection of others' garbage is not.
    """
    least = float("inf")
    for _ in range(attempts):
        gc.collect()
        gc.disable()
        try:
            least = min(least, measure())
        finally:
            gc.enable()
        if least < limit:
            break
    return least
