"""What the form on the page sends, read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.http import QueryDict

from optimization.feedback.errors import InvalidAnswer
from optimization.feedback.texts import lines

FIELDS = ("score", "improvements", "nothing")


@dataclass(frozen=True)
class Submission:
    """`values` are the fields as they were typed; `client_key` tells one sending from another."""

    values: dict[str, str]
    fence: int
    client_key: str
    seconds: float

    @classmethod
    def read(cls, posted: QueryDict) -> Submission:
        return cls(
            values={name: posted.get(name, "") for name in FIELDS if name in posted},
            fence=int(_number(posted.get("fence", ""))),
            client_key=posted.get("client_key", "")[:64] or uuid4().hex,
            seconds=_number(posted.get("seconds", "")),
        )

    def body(self, kind: str) -> dict[str, Any]:
        """An answer's body. Free feedback says on purpose that there is nothing to improve, or raises InvalidAnswer."""
        improvements = lines(self.values.get("improvements", ""))
        if kind == "rubric":
            return {"score": self.values.get("score", ""), "improvements": improvements}
        if not improvements and "nothing" not in self.values:
            raise InvalidAnswer(
                {"improvements": "Write what would make it better, or choose “Nothing to improve”."}
            )
        return {"improvements": improvements}


def _number(text: str) -> float:
    """0 where the text is not a plain number."""
    try:
        return float(text) if len(text) < 20 else 0.0
    except ValueError:
        return 0.0
