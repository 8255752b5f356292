"""A plan of faults: what goes wrong with which request, so that clients can be tested against it.

A plan is a comma-separated list. `429, 500*2, ok, hang` happens in that order, once, to the first requests; `500@0.1`
happens to a tenth of all requests, drawn from a fixed seed. `429=0.2` gives the fault its seconds: how long to wait
before a retry, how long to hang.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

KINDS = {
    "ok": "answers as usual",
    "429": "too many requests, with Retry-After",
    "500": "an internal error",
    "503": "not available, with Retry-After",
    "hang": "no answer at all",
    "half-closed": "the connection closes in the middle of the body",
    "cut-json": "a body that ends in the middle of its JSON",
    "empty-choices": "a reply without choices",
    "html": "a page in place of JSON",
    "garbage": "a reply whose text is not what was asked for",
}
_ENTRY = re.compile(r"^(?P<kind>[a-z0-9-]+)(?:=(?P<seconds>[\d.]+))?(?:\*(?P<times>\d+)|@(?P<rate>[\d.]+))?$")
_SECONDS = {"429": 1.0, "503": 1.0, "hang": 3600.0}


class FaultPlanError(ValueError):
    """A plan that cannot be read."""


@dataclass(frozen=True)
class Fault:
    kind: str
    seconds: float = 0.0


OK = Fault("ok")


@dataclass
class FaultPlan:
    """`sequence` happens first and once, `rates` (fault, probability) from then on."""

    sequence: list[Fault] = field(default_factory=list)
    rates: list[tuple[Fault, float]] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        plan = cls()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            found = _ENTRY.match(entry)
            if not found or found["kind"] not in KINDS:
                raise FaultPlanError(f"No such fault: {entry!r}. There are: {', '.join(KINDS)}; see --help.")
            fault = Fault(found["kind"], float(found["seconds"] or _SECONDS.get(found["kind"], 0.0)))
            if found["rate"]:
                plan.rates.append((fault, float(found["rate"])))
            else:
                plan.sequence += [fault] * int(found["times"] or 1)
        return plan

    def next(self) -> Fault:
        """What happens to the request that has just come in."""
        if self.sequence:
            return self.sequence.pop(0)
        draw = self.dice.random() if self.rates else 1.0
        for fault, rate in self.rates:
            if draw < rate:
                return fault
            draw -= rate
        return OK
