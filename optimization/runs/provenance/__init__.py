"""Where the words of a prompt come from, and what became of an answer: the same story, read from both ends."""

from optimization.runs.provenance.became import Became, Use, became_of
from optimization.runs.provenance.story import (
    Brought,
    SentenceStory,
    VersionStory,
    version_found,
    version_story,
    versions_known,
)

__all__ = [
    "Became",
    "Brought",
    "SentenceStory",
    "Use",
    "VersionStory",
    "became_of",
    "version_found",
    "version_story",
    "versions_known",
]
