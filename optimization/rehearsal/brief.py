"""What a request says: its named blocks (a ticket, a draft, an output) and the facts written as "Label: value"."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

_MATERIAL = "text|notes|ticket|message"
_ABOUT = "customer|facts|draft|reply|answer|output|target|criteria|rubric|levels|context"
_LEARNING = "feedback|remarks|current_value|description|constraints|upstream"
_NOT_MATERIAL = frozenset(f"{_ABOUT}|{_LEARNING}".split("|"))
_BLOCKS = f"{_MATERIAL}|{_ABOUT}|{_LEARNING}"
_TAG = re.compile(r"<([a-z][a-z0-9_]*)(?:\s[^>]*)?>\s*(.*?)\s*</\1>", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(rf"^[#*\s]*({_BLOCKS})(?: [a-z]+)?[*]*:[*]*[ \t]*", re.MULTILINE | re.IGNORECASE)
_FACT = re.compile(r"^[-*\s]*([A-Z][\w' ]{1,28}):[ \t]+(\S.*?)\s*$", re.MULTILINE)
_WORD_LIMIT = re.compile(
    r"(?:under|below|at most|max(?:imum)?(?: of)?|no more than|fewer than|less than|within|up to|only)\s+(\d+)\s+words"
    r"|(\d+)\s+words\s+(?:or (?:less|fewer)|at most|max)",
    re.IGNORECASE,
)


def blocks_of(text: str) -> dict[str, str]:
    """The named blocks of a text: <tags>, "Heading:" blocks outside them, and the members of JSON objects inside."""
    found: dict[str, str] = {}
    for tag in _TAG.finditer(text):
        name, content = tag[1].lower(), tag[2]
        for inner, value in (blocks_of(content) if "<" in content or content.startswith("{") else {}).items():
            found.setdefault(inner, value)
        found.setdefault(name, content)
    outside = _TAG.sub("", text)
    headings = list(_HEADING.finditer(outside))
    ends = [*(heading.start() for heading in headings[1:]), len(outside)]
    for heading, end in zip(headings, ends, strict=False):
        found.setdefault(heading[1].lower(), outside[heading.end() : end].strip())
    for content in (text, *found.values()):
        for name, value in _members(content).items():
            found.setdefault(name, value)
    return found


def outside_blocks(text: str) -> str:
    """What a message says beside its blocks: its instructions. Of headed blocks, what stands before the first."""
    return _HEADING.split(_TAG.sub("", text), maxsplit=1)[0].strip()


def _members(text: str) -> dict[str, str]:
    stripped = text.strip()
    if not stripped.startswith("{"):
        return {}
    try:
        data = json.loads(stripped)
    except (ValueError, RecursionError):
        return {}
    return {str(name).lower(): value for name, value in data.items() if isinstance(value, str)}


def word_limit(text: str) -> int | None:
    """The smallest number of words that a text allows ("keep it under 90 words"), or None."""
    limits = [int(first or second) for first, second in _WORD_LIMIT.findall(text)]
    return min(limits, default=None)


def sentences_of(text: str) -> list[str]:
    """Sentences, taking every line as the end of one."""
    parts = (part for line in text.splitlines() for part in re.split(r"(?<=[.!?])\s+(?=\S)", line.strip()))
    return [part for part in parts if part]


@dataclass(frozen=True)
class Brief:
    """One case: who writes, what about, what is known, and the draft there already is."""

    text: str
    blocks: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None

    @classmethod
    def read(cls, text: str) -> Brief:
        return cls(text=text, blocks=blocks_of(text))

    def with_limit(self, limit: int | None) -> Brief:
        return replace(self, limit=limit)

    @cached_property
    def facts(self) -> dict[str, str]:
        """Facts by label in lower case."""
        return {
            label.lower(): value for label, value in _FACT.findall(self.blocks.get("facts", self.material))
        }

    def fact(self, *labels: str) -> str:
        """The first fact whose label contains one of `labels`, else ""."""
        return next(
            (value for label in labels for known, value in self.facts.items() if label in known),
            "",
        )

    @cached_property
    def customer(self) -> str:
        return self.blocks.get("customer", "").strip().partition("\n")[0].strip()

    @property
    def first_name(self) -> str:
        return self.customer.split()[0] if self.customer else ""

    @property
    def draft(self) -> str:
        return self.blocks.get("draft") or self.blocks.get("reply") or self.blocks.get("answer") or ""

    @property
    def is_ticket(self) -> bool:
        """A customer waits for a reply; else the case is a text to work on."""
        return bool(self.customer or "ticket" in self.blocks)

    @cached_property
    def material(self) -> str:
        """The text that the case is about: a block of a usual name, else the blocks that are not about judging it."""
        named = (self.blocks.get(name) for name in _MATERIAL.split("|"))
        others = (text for name, text in self.blocks.items() if name not in _NOT_MATERIAL)
        return next((text for text in named if text), "\n".join(others) or self.text)
