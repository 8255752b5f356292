"""The text that backward leaves on a parameter: the remarks, then what they were about.

    - Say when the lamp arrives.
    - Too long:
      two sentences are enough.
    Score: 0.25
    Input: My lamp has not come …
    Output: Dear customer, …

The text depends on its arguments alone, so equal passes leave equal texts; `remarks_in` gives the remarks back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimization.core.payloads import remarks
from optimization.core.values import Value, as_text

EXCERPT = 400


def parameter_feedback(feedback: Value, inputs: Mapping[str, Any], output: Any) -> str:
    """The text for a parameter of the step that made `output` of `inputs`; "" where there is no remark."""
    said = remarks(feedback)
    if not said:
        return ""
    lines = ["- " + remark.replace("\n", "\n  ") for remark in said]
    if feedback.score is not None:
        lines.append(f"Score: {feedback.score:.2f}")
    given = as_text(next(iter(inputs.values()))) if len(inputs) == 1 else _listed(inputs)
    lines += [
        f"{label}: {excerpt(text)}" for label, text in (("Input", given), ("Output", as_text(output))) if text
    ]
    return "\n".join(lines)


def remarks_in(text: str) -> list[str]:
    """The remarks in a text made by `parameter_feedback`; a text of any other make is one remark."""
    found: list[str] = []
    for line in text.split("\n"):
        if line.startswith("- "):
            found.append(line[2:])
        elif line.startswith("  ") and found:
            found[-1] += "\n" + line[2:]
        elif not found:
            return [text] if text.strip() else []
        else:
            break
    return found


def excerpt(text: str, limit: int = EXCERPT) -> str:
    """The text on one line, cut in the middle where it is longer than `limit` characters."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = limit * 2 // 3
    return f"{line[:head].rstrip()} … {line[-(limit - head - 3) :].lstrip()}"


def _listed(inputs: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {as_text(value)}" for name, value in inputs.items())
