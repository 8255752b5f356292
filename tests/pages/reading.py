"""A page as a person reads it: its text, its links, what stands beside a field."""

from __future__ import annotations

import re
from html import unescape

from django.http import HttpResponse


def text(response: HttpResponse) -> str:
    """The words of the page's main part, without markup."""
    html = response.content.decode()
    main = re.search(r"<main.*?</main>", html, re.S)
    words = re.sub(r"<script.*?</script>", "", main.group() if main else html, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", words)).split())


def errors_beside(response: HttpResponse, field: str) -> str:
    """What the page says is wrong with a field, in the list that the field points to."""
    found = re.search(
        rf'<ul class="errorlist[^"]*" id="id_{field}_error">(.*?)</ul>', response.content.decode(), re.S
    )
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group(1))).split()) if found else ""
