"""Whether one text says what another says, by the words that carry meaning."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"\d+|[^\W\d_]{4,}")
_STEM = 6
_FUNCTION_WORDS = """
this that with from your have will been were they them their there here about when what which while
please into onto also only than then over after before would could should does must such very just more most
some each other ours
"""
_EMPTY = frozenset(word[:_STEM] for word in _WORD.findall(_FUNCTION_WORDS))


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """Words of four letters or more and numbers, cut to a stem: "replaced" meets "replacement"."""
    return frozenset(word[:_STEM] for word in _WORD.findall(text.lower())) - _EMPTY


def covers(text: str, phrase: str, share: float = 0.6) -> bool:
    """Whether at least `share` of the phrase's content words occur in the text."""
    wanted = content_words(phrase)
    return bool(wanted) and len(wanted & content_words(text)) >= share * len(wanted)
