"""A policy's pages in a browser: usable narrow, dark and by a screen reader, and they show what they say."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import expect

from optimization.models import Membership, Run
from optimization.runs.events import event_emit
from tests.browser.conftest import SignedIn
from tests.browser.serving import elsewhere
from tests.feedback.scene import Scene
from tests.policy_runs.rows import add_step, make_policy_run

pytestmark = pytest.mark.browser
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def ada(scene: Scene) -> User:
    user = User.objects.create_user("ada", first_name="Ada")
    Membership.objects.create(workspace=scene.workspace, user=user, role="operator")
    return user


@pytest.fixture
def run(scene: Scene, ada: User) -> Run:
    """Three steps of two components, the second with a group that is all alike."""
    return make_policy_run(scene.workspace, ada, steps=3)


def addresses(run: Run) -> list[str]:
    return [
        f"/runs/{run.pk}/",
        f"/runs/{run.pk}/steps/2/",
        f"/runs/{run.pk}/steps/2/groups/0/",
        f"/runs/{run.pk}/checkpoints/?a=initial&b=step-2",
        "/runs/launch/policy/",
    ]


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 320)], ids=["light", "dark", "narrow"]
)
def test_every_page_fits_and_is_accessible(
    scheme: str, width: int, run: Run, ada: User, signed_in: SignedIn
) -> None:
    page = signed_in(ada, color_scheme=scheme, viewport={"width": width, "height": 800})
    for address in addresses(run):
        page.goto(address)
        assert not page.evaluate(OVERFLOWS), address
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, f"{address}\n{found.generate_report()}"


def test_charts_are_drawn_and_a_new_step_arrives_without_reload(
    run: Run, ada: User, signed_in: SignedIn
) -> None:
    page = signed_in(ada)
    page.clock.install()
    page.goto(f"/runs/{run.pk}/")
    page.clock.run_for(500)
    expect(page.locator(".figure canvas")).to_have_count(7)
    expect(
        page.get_by_role("img", name="Reward of the batch. right: 0.30 at first, 0.50 now")
    ).to_be_visible()
    expect(page.locator("#part-side")).to_contain_text("3 of 20")

    elsewhere(lambda: (add_step(run, 3), event_emit(run.pk, "effect_done")))
    page.clock.run_for(21_000)

    expect(page.get_by_role("img", name="right: 0.30 at first, 0.60 now")).to_be_visible()
    expect(page.get_by_role("heading", name="Rollouts of step 4")).to_be_visible()


def test_tokens_are_shaded_by_what_is_chosen(run: Run, ada: User, signed_in: SignedIn) -> None:
    page = signed_in(ada)
    page.goto(f"/runs/{run.pk}/steps/1/groups/0/")
    token = page.locator(".sample .token.up-3").first
    clear = "rgba(0, 0, 0, 0)"
    shade = "element => getComputedStyle(element).backgroundColor"

    assert token.evaluate(shade) != clear
    page.get_by_label("no shading").check()
    assert token.evaluate(shade) == clear
    page.get_by_label("distance from the policy at the start (KL)").check()
    assert page.locator(".sample .token.kl-4").first.evaluate(shade) != clear
    expect(page.locator(".sample").first).to_contain_text("advantage +1.00")


def test_the_form_shows_the_settings_of_the_reward_that_is_chosen(
    run: Run, ada: User, signed_in: SignedIn
) -> None:
    page = signed_in(ada)
    page.goto("/runs/launch/policy/")
    expect(page.get_by_label("Check", exact=True)).to_be_visible()
    page.get_by_label("A completion is rewarded by").select_option("group")
    expect(page.get_by_label("Check", exact=True)).to_be_hidden()
    expect(page.get_by_label("What is judged")).to_be_visible()
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"Calls of judges\s*about 7\d\d"))


def test_the_form_shows_a_backends_arguments_where_one_takes_the_step(
    run: Run, ada: User, signed_in: SignedIn
) -> None:
    page = signed_in(ada, viewport={"width": 360, "height": 800})
    page.goto("/runs/launch/policy/")
    arguments = page.locator("summary", has_text="Its arguments")
    expect(arguments).to_be_hidden()
    expect(page.get_by_label("KL penalty")).to_be_visible()

    page.get_by_label("The step is taken by").select_option("LocalBackend")

    expect(page.get_by_label("KL penalty")).to_be_hidden()
    arguments.click()
    page.get_by_label("Balance of advantages").fill("7")
    assert not page.evaluate(OVERFLOWS)
    page.get_by_role("button", name="Launch").click()
    beside = page.locator("div:has(> #id_backend_advantage_balance)")
    expect(beside).to_contain_text("less than or equal to 1")
    expect(page.get_by_label("Balance of advantages")).to_be_visible()
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()


def test_follow_ups_belong_to_a_chat(run: Run, ada: User, signed_in: SignedIn) -> None:
    page = signed_in(ada)
    page.goto("/runs/launch/policy/")
    expect(page.get_by_label("After each reply the user says")).to_be_hidden()
    page.get_by_label("It is a user's message").check()
    expect(page.get_by_label("After each reply the user says")).to_be_visible()
