"""The updater: turns remarks into instructions, a few a step; and the aggregator, which counts remarks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from optimization.rehearsal.asking import instructed_in, named_in
from optimization.rehearsal.brief import word_limit
from optimization.rehearsal.catalogue import CONCEPTS
from optimization.rehearsal.concepts import Concept

DEFAULT_CONSERVATISM = 0.7
_LINE = re.compile(r"^\s*(?:[-*•]|\d+[.)]|ID \[[^\]]*\]:)\s+(.+?)\s*$", re.MULTILINE)
_COUNT = re.compile(r"\s*\((?:said )?(\d+) (?:times|remarks?)\)\s*$")
_WEIGHT = re.compile(r"^\[Weight: [^\]]*\]\s*")
_ROOM = re.compile(r"(\d+) (characters|words)", re.IGNORECASE)
_NOTHING = re.compile(
    r"^(nothing( (to|else|more)\b.*)?|none|no( (change|improvement|remark)s?)?|n/?a|ok(ay)?|all good|looks good|perfect|ranked #\S+"
    r"|(fine|good|keep it)( as it is)?)?[-.!\s]*$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def remarks_of(feedback: str) -> Counter[str]:
    """The remarks of a feedback block and how often each was made."""
    made: Counter[str] = Counter()
    for line in _LINE.findall(feedback) or feedback.splitlines():
        times = _COUNT.search(line)
        for remark in _WEIGHT.sub("", _COUNT.sub("", line)).split(" | "):
            if remark.strip():
                made[remark.strip()] += int(times[1]) if times else 1
    return made


@dataclass(frozen=True)
class Group:
    """Remarks that ask for the same: a concept, or their own words where no concept is recognised."""

    concept: Concept | None
    words: str
    times: int

    def instruction(self) -> str:
        if self.concept is None:
            return self.words if self.words[-1] in ".!?" else f"{self.words}."
        limit = word_limit(self.words)
        if self.concept.name == "short" and limit:
            return f"Keep it under {limit} words."
        return self.concept.instruction


def grouped(feedback: str) -> list[Group]:
    """Groups of remarks, the most frequent first, then the most important."""
    known: Counter[str] = Counter()
    wordings: dict[str, str] = {}
    own: Counter[str] = Counter()
    for remark, times in remarks_of(feedback).items():
        concepts = [one for one in named_in(remark) if not one.refused_in(remark)]
        for concept in concepts:
            known[concept.name] += times
            wordings.setdefault(concept.name, remark)
        if not concepts and not _NOTHING.search(remark):
            own[remark] += times
    groups = [Group(one, wordings[one.name], known[one.name]) for one in CONCEPTS if one.name in known]
    groups += [Group(None, words, times) for words, times in own.items()]
    return sorted(
        groups, key=lambda group: (-group.times, -(group.concept.importance if group.concept else 0))
    )


def summarised(feedback: str) -> list[str]:
    """One line a group, with its count: what the aggregator answers."""
    return [
        f"{group.concept.remarks[0] if group.concept else group.words} ({counted(group.times)})"
        for group in grouped(feedback)
    ]


def counted(times: int) -> str:
    return "1 remark" if times == 1 else f"{times} remarks"


def updated(
    value: str,
    feedback: str,
    *,
    constraints: str = "",
    upstream: str = "",
    conservatism: float = DEFAULT_CONSERVATISM,
    alternative: int = 0,
) -> tuple[str, str]:
    """The new value and the reason.

    What the value or an upstream parameter asks for already is left alone; nothing is ever taken out. The more
    conservative, the fewer instructions a step adds: two of the concepts at 0.7, and one in people's own words.
    `alternative` counts the proposals made side by side: each begins one concept further down.
    """
    asked = f"{value}\n{upstream}"
    covered = {concept.name for concept in instructed_in(asked)}
    groups = grouped(feedback)
    known = [group for group in groups if group.concept and group.concept.name not in covered]
    begin = alternative % len(known) if known else 0
    own = [group for group in groups if not group.concept and group.words not in asked]
    added: list[Group] = []
    for group in [*(known[begin:] + known[:begin])[: 1 + round(3 * (1 - conservatism))], *own[:1]]:
        longer = _appended(value, group.instruction())
        if not constraints_broken(longer, constraints):
            value = longer
            added.append(group)
    if not added:
        return value, "Everything that was remarked on is asked for already."
    return value, "; ".join(f"{counted(group.times)} like “{group.words}”" for group in added) + "."


def _appended(value: str, instruction: str) -> str:
    """The instruction on a line of its own, set like the lines before it; it brings no placeholder along."""
    known = set(_PLACEHOLDER.findall(value))
    safe = _PLACEHOLDER.sub(lambda found: found[0] if found[1] in known else found[1], instruction)
    lines = value.rstrip().splitlines()
    bullet = "- " if lines and lines[-1].startswith("- ") else ""
    return "\n".join([*lines, f"{bullet}{safe}"])


def constraints_broken(value: str, constraints: str) -> list[str]:
    """The constraints of the kind "at most 600 characters" that a value breaks, in words."""
    sizes = {"characters": len(value), "words": len(value.split())}
    return [
        f"It has {sizes[unit.lower()]} {unit.lower()}, more than {most}."
        for most, unit in _ROOM.findall(constraints)
        if sizes[unit.lower()] > int(most)
    ]
