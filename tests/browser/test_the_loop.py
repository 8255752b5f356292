"""The product as a newcomer meets it: one command, one address; launch, judge with keys alone, see the prompt change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from playwright.sync_api import Browser, expect

from tests.browser.player import PATIENCE, judge_one, signed_in
from tests.house.up import Up

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]
REMARKS = ["Name the order number", "Apologise for the trouble", "Give the date when it will be settled"]


@pytest.fixture
def database() -> Iterator[dict[str, str]]:
    """A database of its own on the server of these tests; with SQLite the data folder has one."""
    if connection.vendor == "sqlite":
        yield {}
        return
    config = connection.settings_dict
    server = {"host": config["HOST"], "port": config["PORT"] or 5432, "user": config["USER"]}
    name = f"handgrad_loop_{os.getpid()}"
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": f"postgresql://{server['user']}@{server['host']}:{server['port']}/{name}"}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def up(tmp_path: Path, database: dict[str, str]) -> Iterator[Up]:
    up = Up(tmp_path, **database)
    yield up
    print(up.printed[-6000:])
    up.stop()


def test_a_newcomer_launches_judges_with_keys_alone_and_sees_the_prompt_change(
    browser: Browser, up: Up
) -> None:
    operator = signed_in(browser, up, "operator")
    operator.goto("/runs/launch/")
    operator.get_by_role("button", name="Launch").click()
    expect(operator).to_have_url(re.compile(r"/runs/\d+/"))
    expect(operator.locator("#part-head .state")).to_contain_text("Waiting for people", timeout=PATIENCE)

    annotator = signed_in(browser, up, "annotator")
    annotator.goto("/judge/")
    for _ in range(3):
        judge_one(annotator, REMARKS)

    # The operator's page is not reloaded: it follows the run by itself.
    expect(operator.get_by_text("What changed in iteration 1")).to_be_visible(timeout=PATIENCE)
    expect(operator.locator("ins").filter(has_text="order number").first).to_be_visible()
    # The next questions reach the annotator's page without a reload, too.
    expect(annotator.locator("#criteria")).to_be_visible(timeout=PATIENCE)
