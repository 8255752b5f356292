"""Makes docs/images/run.png and judge.png: a real run on a stack of its own, judged in the browser.

.venv/bin/python -m docs.screenshot
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.player import PATIENCE, judge_one, signed_in
from tests.house.up import Up

IMAGES = Path(__file__).resolve().parent / "images"
JUDGED = [
    ("2", ["Name the order number", "Greet the customer by name"]),
    ("3", ["Say what has been done about it", "Give the date when it will be settled"]),
    ("4", ["Name the refund or replacement policy", "Offer one concrete next step"]),
]


def play(browser: Browser, up: Up) -> None:
    """Three iterations, three items of each judged by hand; the picture is of the fourth, one of three judged."""
    operator = signed_in(browser, up, "operator")
    operator.goto("/runs/launch/")
    operator.get_by_label("Name").fill("Support replies, gentle steps")
    operator.get_by_label("What is judged").fill("Does the reply solve the customer's problem?")
    operator.get_by_role("button", name="Launch").click()
    expect(operator).to_have_url(re.compile(r"/runs/\d+/"))
    annotator = signed_in(browser, up, "annotator")
    annotator.goto("/judge/")
    for level, remarks in JUDGED:
        for _ in range(3):
            judge_one(annotator, remarks, level)
    judge_one(annotator, ["Sign with the agent's name"], "4")
    expect(operator.locator("#part-head .state")).to_contain_text(
        "Waiting for people: 1 of 3", timeout=PATIENCE
    )
    operator.reload()
    operator.wait_for_timeout(1500)
    operator.screenshot(path=IMAGES / "run.png", full_page=True)
    annotator.screenshot(path=IMAGES / "judge.png")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        up = Up(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            play(browser, up)
        finally:
            browser.close()
            up.stop()


if __name__ == "__main__":
    main()
