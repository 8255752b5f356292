"""Whatever a model writes is shown and never acts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from feedback_ui.rendering import LONGEST_MARKDOWN, TAGS, text_as_html

ALLOWED = {"href", "rel", "target", "class", "role", "aria-label", "tabindex"}


class Elements(HTMLParser):
    """The elements of a piece of HTML and their attributes, as a browser would build them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](JaVaScRiPt:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "[click](vbscript:x)",
        "<a href='javascript:alert(1)'>x</a>",
        '[x](https://e.org "title\\" onmouseover=\\"alert(1)")',
        "![pixel](https://tracker.example/x.png)",
        "![x](javascript:alert(1))",
        '<div style="position:fixed">over</div>',
        '<iframe src="https://e.org"></iframe>',
        "<style>*{display:none}</style>",
        "```html\n<script>alert(1)</script>\n```",
        "| <img src=x onerror=alert(1)> |\n|---|\n| <script>x</script> |",
        "# <script>alert(1)</script>",
    ],
)
def test_nothing_in_a_text_becomes_an_element_that_acts(hostile: str) -> None:
    found = Elements()
    found.feed(text_as_html(hostile))
    assert found.tags <= TAGS
    assert {name for name, _ in found.attributes} <= {*ALLOWED, "title"}
    assert all(value.startswith("http") for name, value in found.attributes if name == "href")


def test_markdown_is_rendered() -> None:
    html = text_as_html("Dear *Dana*,\nit is **late**.\n\n- one\n- two\n\n`code`")
    assert "<em>Dana</em>,<br>" in html
    assert "<li>one</li>" in html
    assert "<code>code</code>" in html


def test_a_link_opens_elsewhere_and_tells_nothing() -> None:
    html = text_as_html("[shop](https://example.org)")
    assert 'href="https://example.org"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert 'target="_blank"' in html


def test_an_image_becomes_its_description() -> None:
    assert "[image: a lamp]" in text_as_html("![a lamp](https://e.org/lamp.png)")


def test_a_texts_headings_stand_below_the_pages_own() -> None:
    assert "<h3>Big</h3>" in text_as_html("# Big")
    assert "<h6>Small</h6>" in text_as_html("###### Small")


def test_other_data_is_shown_as_json() -> None:
    assert "&quot;reply&quot;: &quot;&lt;b&gt;&quot;" in text_as_html({"reply": "<b>"})


def test_a_megabyte_is_shown_as_it_is() -> None:
    html = text_as_html("<b>*x*" * (LONGEST_MARKDOWN // 4))
    assert html.startswith("<pre>&lt;b&gt;*x*")
