"""Chromium of the system, pages signed in as somebody, and no script error unnoticed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.serving import server, uvicorn
from tests.feedback.scene import Scene

__all__ = ["server", "uvicorn"]

# Playwright's sync API leaves a loop running in this thread, in which Django would refuse the ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PATIENCE = 20_000  # ms; a busy machine is slow, not wrong
expect.set_options(timeout=PATIENCE)


class SignedIn(Protocol):
    def __call__(self, user: User, **options: Any) -> Page: ...


@pytest.fixture
def expected_errors() -> list[str]:
    """Parts of console errors that a test brings about on purpose."""
    return []


@pytest.fixture
def signed_in_at(browser: Browser, expected_errors: list[str]) -> Iterator[Callable[..., Page]]:
    """A page at an address, with a session of `user`; `options` are the browser context's. Script errors fail."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(address: str, user: User, **options: Any) -> Page:
        context = browser.new_context(base_url=address, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": address}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(message, errors))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [error for error in errors if not any(part in error for part in expected_errors)] == []


REFUSAL = re.compile(r"responded with a status of (401|403|409|422)")  # an answer, not a fault


def _note(message: ConsoleMessage, errors: list[str]) -> None:
    if message.type == "error" and not REFUSAL.search(message.text):
        errors.append(f"{message.text} at {message.location.get('url')}")


@pytest.fixture
def signed_in(signed_in_at: Callable[..., Page], live_server: Any, expected_errors: list[str]) -> SignedIn:
    """`signed_in(user)` is a page of the test server, which has no sockets."""
    expected_errors.append("/ws/")
    return lambda user, **options: signed_in_at(live_server.url, user, **options)


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return Scene.make()


@pytest.fixture
def dana(scene: Scene) -> User:
    return scene.person("dana")
