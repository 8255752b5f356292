"""A reply as something to be changed sentence by sentence: an opening line, a body, a close."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from optimization.rehearsal.brief import sentences_of

_OPENING = re.compile(r"^(hello|hi|dear|good (morning|afternoon|day)|#)\b|^# ", re.IGNORECASE)
_CLOSE = re.compile(
    r"^((kind|best|warm) regards|yours sincerely|sincerely|customer service|thank you,)", re.IGNORECASE
)


@dataclass(frozen=True)
class Letter:
    """`opening` is a greeting or a headline, `close` the lines of the sign-off, `bullets` how the body is set."""

    opening: str = ""
    body: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    bullets: bool = False

    @classmethod
    def parse(cls, text: str) -> Letter:
        lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
        opening = lines.pop(0) if lines and len(lines[0].split()) < 12 and _OPENING.search(lines[0]) else ""
        end = next((at for at, line in enumerate(lines) if _CLOSE.search(line)), len(lines))
        bullets = any(line.startswith("- ") for line in lines[:end])
        body = sentences_of("\n".join(line.removeprefix("- ") for line in lines[:end]))
        return cls(opening, tuple(body), tuple(lines[end:]), bullets)

    def render(self) -> str:
        body = "\n".join(f"- {line}" for line in self.body) if self.bullets else " ".join(self.body)
        return "\n\n".join(part for part in (self.opening, body, "\n".join(self.close)) if part)

    @property
    def words(self) -> int:
        return len(self.render().split())

    def with_opening(self, opening: str) -> Letter:
        return replace(self, opening=opening)

    def with_close(self, *close: str) -> Letter:
        return replace(self, close=close)

    def with_body(self, body: tuple[str, ...]) -> Letter:
        return replace(self, body=body)

    def with_bullets(self) -> Letter:
        return replace(self, bullets=True)

    def insert(self, at: int, sentence: str) -> Letter:
        return self.with_body((*self.body[:at], sentence, *self.body[at:]))

    def without(self, pattern: re.Pattern[str]) -> Letter:
        return self.with_body(tuple(line for line in self.body if not pattern.search(line)))

    def replaced(self, pattern: re.Pattern[str], replacement: str) -> Letter:
        return self.with_body(tuple(pattern.sub(replacement, line) for line in self.body))
