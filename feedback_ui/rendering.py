"""Texts that a model wrote, made into HTML that cannot act: no markup of theirs, no image, no script, no tracking.

Markdown is parsed with raw HTML switched off, so that whatever tags a text contains are shown as text; what the
parser makes of the rest goes through nh3 as well. An image becomes the words that describe it.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping, Sequence
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

LONGEST_MARKDOWN = 100_000
HEADINGS_BELOW = 2  # the page's own headings are above those of a text
TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "a"),
    *("ul", "ol", "li", "h3", "h4", "h5", "h6"),
    *("div", "table", "thead", "tbody", "tr", "th", "td"),
}


def text_as_html(value: Any) -> SafeString:
    """A text as Markdown, or as it is where it is very long; other data as indented JSON."""
    if not isinstance(value, str):
        return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
    if len(value) > LONGEST_MARKDOWN:
        return format_html("<pre>{}</pre>", value)
    return mark_safe(
        nh3.clean(
            _markdown.render(value),
            tags=TAGS,
            attributes={"a": {"href"}, "ol": {"start"}, "div": {"class", "role", "aria-label", "tabindex"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
            set_tag_attribute_values={"a": {"target": "_blank"}},
        )
    )


def _image_as_words(
    renderer: RendererProtocol,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    return escape(f"[image: {tokens[index].content or 'without a description'}]")


def _table_opens(*_: Any) -> str:
    """In a frame that scrolls by itself, by keys too, where the table is wider than its column."""
    return '<div class="wide" role="group" aria-label="Table" tabindex="0"><table>'


def _table_closes(*_: Any) -> str:
    return "</table></div>"


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + HEADINGS_BELOW, 6)}"


_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_markdown.add_render_rule("image", _image_as_words)
_markdown.add_render_rule("table_open", _table_opens)
_markdown.add_render_rule("table_close", _table_closes)
_markdown.core.ruler.push("lower_headings", _lower_headings)
