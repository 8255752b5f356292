"""The ways in which a text shows a concept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from optimization.rehearsal.brief import Brief, sentences_of
from optimization.rehearsal.letter import Letter
from optimization.rehearsal.overlap import covers

SHOP = "Hollow & Bright Lamps"
PARAGRAPH = 150  # words, where a limit is asked for without a number


def as_sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


class Showing:
    """How a text shows a concept: by a sentence of its own, or by the way in which the rest is written."""

    def fits(self, brief: Brief) -> bool:
        """Whether this case can show it at all."""
        return True

    def shown(self, text: str, brief: Brief) -> bool:
        raise NotImplementedError

    def sentence(self, brief: Brief) -> str:
        """The sentence to put in, "" when there is none."""
        return ""

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        return letter


@dataclass(frozen=True)
class Stated(Showing):
    """A fact of the case, in a sentence of its own."""

    labels: tuple[str, ...]
    frame: str = "{}"
    share: float = 0.6

    def fits(self, brief: Brief) -> bool:
        return bool(brief.fact(*self.labels))

    def shown(self, text: str, brief: Brief) -> bool:
        return covers(text, brief.fact(*self.labels), self.share)

    def sentence(self, brief: Brief) -> str:
        return as_sentence(self.frame.format(brief.fact(*self.labels).rstrip(".")))


@dataclass(frozen=True)
class Phrase(Showing):
    """Words that need no fact; `sign` recognises them in other wordings too."""

    words: str
    sign: re.Pattern[str]
    tickets: bool = True

    def fits(self, brief: Brief) -> bool:
        return brief.is_ticket == self.tickets

    def shown(self, text: str, brief: Brief) -> bool:
        return self.sign.search(text) is not None

    def sentence(self, brief: Brief) -> str:
        return self.words


@dataclass(frozen=True)
class Picked(Showing):
    """What the source text says and the new text takes over."""

    sign: re.Pattern[str]

    def fits(self, brief: Brief) -> bool:
        return not brief.is_ticket and self.sign.search(brief.material) is not None

    def shown(self, text: str, brief: Brief) -> bool:
        return self.sign.search(text) is not None

    def sentence(self, brief: Brief) -> str:
        return next(line for line in sentences_of(brief.material) if self.sign.search(line))


@dataclass(frozen=True)
class Greeting(Showing):
    """The customer's name in the first line."""

    def fits(self, brief: Brief) -> bool:
        return bool(brief.customer)

    def shown(self, text: str, brief: Brief) -> bool:
        return re.search(rf"\b{re.escape(brief.first_name)}\b", text[:80], re.IGNORECASE) is not None

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        return letter.with_opening(f"Hello {brief.first_name},")


@dataclass(frozen=True)
class Headline(Showing):
    """A first line that names what the text is about."""

    def fits(self, brief: Brief) -> bool:
        return not brief.is_ticket

    def shown(self, text: str, brief: Brief) -> bool:
        return text.lstrip().startswith("#") or Letter.parse(text).opening.startswith("#")

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        words = next(iter(sentences_of(brief.material)), "").rstrip(".").split()
        return letter.with_opening(f"# {' '.join(words[:8])}")


@dataclass(frozen=True)
class Signature(Showing):
    """The sign-off, with the name of who writes."""

    def fits(self, brief: Brief) -> bool:
        return bool(brief.fact("signed"))

    def shown(self, text: str, brief: Brief) -> bool:
        return re.search(rf"\b{re.escape(brief.fact('signed'))}\b", text[-80:], re.IGNORECASE) is not None

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        return letter.with_close("Kind regards,", f"{brief.fact('signed')}, {SHOP}")


@dataclass(frozen=True)
class FinalQuestion(Showing):
    """A question as the body's last sentence."""

    def shown(self, text: str, brief: Brief) -> bool:
        body = Letter.parse(text).body
        return bool(body) and body[-1].endswith("?")

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        asked = "Does this solve it for you?" if brief.is_ticket else "Which of these matters most to you?"
        return letter.insert(len(letter.body), asked)


@dataclass(frozen=True)
class Without(Showing):
    """Something that must not be there: a sentence goes, or `instead` takes the place of the words."""

    sign: re.Pattern[str]
    instead: str | None = None
    tickets_only: bool = False

    def fits(self, brief: Brief) -> bool:
        return brief.is_ticket or not self.tickets_only

    def shown(self, text: str, brief: Brief) -> bool:
        return self.sign.search(text) is None

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        if self.instead is not None:
            return letter.replaced(self.sign, self.instead)
        return letter.without(self.sign)


@dataclass(frozen=True)
class Bullets(Showing):
    """The body as a list."""

    def shown(self, text: str, brief: Brief) -> bool:
        return re.search(r"^\s*([-*•]|\d+[.)])\s", text, re.MULTILINE) is not None

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        return letter.with_bullets()


@dataclass(frozen=True)
class Tone(Showing):
    """How the customer is addressed: by `greeting`, or `unnamed` where the name is not to be used, and by `close`."""

    greeting: str
    unnamed: str
    close: str
    whole_name: bool = False

    def fits(self, brief: Brief) -> bool:
        return brief.is_ticket

    def shown(self, text: str, brief: Brief) -> bool:
        return text.startswith(f"{self.greeting} ")

    def restyle(self, letter: Letter, brief: Brief) -> Letter:
        name = brief.customer if self.whole_name else brief.first_name
        named = brief.first_name and brief.first_name in letter.opening
        toned = letter.with_opening(f"{self.greeting} {name}," if named else self.unnamed)
        return toned.with_close(self.close, *letter.close[1:]) if len(letter.close) > 1 else toned


@dataclass(frozen=True)
class Short(Showing):
    """No more words than the limit that was given; the writer trims last, when all the rest is in place."""

    def shown(self, text: str, brief: Brief) -> bool:
        return len(text.split()) <= (brief.limit or PARAGRAPH)
