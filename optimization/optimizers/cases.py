"""The feedback of a parameter as cases: what was remarked, and the input and output that it was about.

A text that backward left begins with its remarks, one a line after "- " (a remark's further lines are indented),
and goes on with its context, "Score: ...", "Input: ..." and "Output: ...". Several such texts may stand below each
other in one, as a batch leaves them, each remark then marked "ID [i]: " with its place in the batch. A text of any
other make is one remark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

_ID = re.compile(r"ID \[(\d+)\]: ")
_SCORE = re.compile(r"^Score: (-?\d+(?:\.\d+)?)$")


@dataclass
class Case:
    """What was said of one output. `score` is 0..1 where there is one; `context` are the lines below the remarks."""

    remarks: list[str] = field(default_factory=list)
    context: list[str] = field(default_factory=list)

    @property
    def score(self) -> float | None:
        found = (_SCORE.match(line) for line in self.context)
        return next((float(match[1]) for match in found if match), None)


def cases_in(texts: Iterable[str]) -> list[Case]:
    """The cases of a parameter's feedback, in order."""
    return [case for text in texts for case in _cases(text)]


def _cases(text: str) -> list[Case]:
    if not text.startswith("- "):
        return [Case([text.strip()])] if text.strip() else []
    cases = [Case()]
    for line in text.split("\n"):
        if line.startswith("- "):
            if cases[-1].context:
                cases.append(Case())
            cases[-1].remarks.append(_ID.sub("", line[2:], count=1))
        elif line.startswith("  ") and not cases[-1].context:
            cases[-1].remarks[-1] += "\n" + line[2:]
        elif line.strip():
            cases[-1].context.append(line)
    return cases


def counted(remarks: Iterable[str]) -> list[str]:
    """Each remark once, on one line, with how often it was made; the most frequent first."""
    times = Counter(" ".join(remark.split()) for remark in remarks)
    return [f"{remark} ({n} times)" if n > 1 else remark for remark, n in times.most_common()]


def joined(texts: Iterable[str]) -> str:
    """Several texts of a parameter as one feedback, which `cases_in` takes apart again."""
    return "\n".join(text if text.startswith("- ") else _as_remark(text) for text in texts if text.strip())


def _as_remark(text: str) -> str:
    return "- " + text.strip().replace("\n", "\n  ")
