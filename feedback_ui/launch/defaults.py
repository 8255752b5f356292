"""What a launch begins with: defaults that work for any program."""

from __future__ import annotations

from typing import Any

CRITERIA = "Does the output do what was asked for?"
LEVELS: list[dict[str, Any]] = [
    {"score": 1, "label": "No", "description": "Misses what was asked for, or gets it wrong"},
    {"score": 2, "label": "Barely", "description": "Touches it, and helps nobody"},
    {"score": 3, "label": "Partly", "description": "A step in the right direction, with a gap"},
    {"score": 4, "label": "Mostly", "description": "Does it; a detail is missing or unclear"},
    {"score": 5, "label": "Fully", "description": "Does it; nothing should be changed"},
]
REMARKS_UP_TO = 4
"""At this score and below, judges must say what would be better."""
PEOPLE_PER_ITERATION = 3
BATCH_SIZE = 8
ITERATIONS = 4
CONSERVATISM = 0.7

JUDGES = """[
  [{"name": "LLMFeedbackLoss", "args": {"criteria": "Does it do what was asked for?"}}, 1],
  [{"name": "VerifierLoss", "args": {"verifier": {"name": "length", "maximum": 150, "unit": "words"}}}, 1]
]"""
"""What a composite of judges begins with: one that remarks, one that scores."""
