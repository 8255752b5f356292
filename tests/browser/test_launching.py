"""Launching in the browser: from a prompt and a file, and from the whole form with its estimate."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import FilePayload, Page, expect

from optimization.models import Endpoint, Membership, Run
from tests.browser.conftest import SignedIn
from tests.factories import make_dataset, make_program
from tests.feedback.scene import Scene

pytestmark = pytest.mark.browser


@pytest.fixture
def ines(scene: Scene) -> User:
    user = User.objects.create_user("ines", first_name="Ines")
    Membership.objects.create(workspace=scene.workspace, user=user, role="operator")
    Endpoint.objects.create(workspace=scene.workspace, name="default", model="rehearsal", is_rehearsal=True)
    make_program(scene.workspace)
    make_dataset(scene.workspace)
    return user


@pytest.fixture
def page(signed_in: SignedIn, ines: User) -> Page:
    return signed_in(ines)


def tickets(*lines: str) -> FilePayload:
    return {"name": "tickets.jsonl", "mimeType": "application/x-ndjson", "buffer": "\n".join(lines).encode()}


def test_a_prompt_and_a_file_are_all_it_takes(page: Page) -> None:
    page.goto("/")
    page.get_by_label("The prompt to improve").fill("You answer customers of a lamp shop.")
    rows = [json.dumps({"ticket": f"Lamp {number} flickers"}) for number in range(10)]
    page.locator("input[type=file]").set_input_files(tickets(*rows))
    expect(page.locator("[data-file-name]")).to_have_text("tickets.jsonl, 1 kB")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You answer customers of a lamp")
    expect(page.locator("[data-state]")).to_have_text("Beginning iteration 1")


def test_a_bad_row_is_named_where_the_file_was_dropped(page: Page) -> None:
    page.goto("/")
    page.get_by_label("The prompt to improve").fill("You answer customers.")
    page.locator("input[type=file]").set_input_files(tickets('{"ticket": "a"}', "{oops"))
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("1 line is wrong, and nothing was imported")).to_be_visible()
    expect(page.get_by_role("row", name="2 not valid JSON")).to_be_visible()
    expect(page.get_by_label("The prompt to improve")).to_have_value("You answer customers.")


def test_the_estimate_follows_the_form(page: Page) -> None:
    page.goto("/runs/launch/?program=support-reply")
    questions = page.locator("#estimate").get_by_text("Outputs to people").locator("..")
    expect(questions).to_contain_text("32")
    page.get_by_label("Iterations").fill("10")
    expect(questions).to_contain_text("80")
    page.get_by_role("radio", name="A model").check()
    expect(questions).to_contain_text("0")


def test_the_rubric_is_edited_and_launched_with_keys_alone(page: Page) -> None:
    page.goto("/runs/launch/?program=support-reply")
    page.get_by_role("button", name="Add a level").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Beyond")
    page.get_by_role("button", name="Leave this level out").first.press("Enter")
    page.get_by_role("button", name="Launch").press("Enter")
    expect(page.locator("[data-state]")).to_have_text("Beginning iteration 1")
    levels = Run.objects.latest("pk").config["loss"]["args"]["rubric"]
    first, *_, last = [(level["score"], level["label"]) for level in levels]
    assert (first, last) == ((2, "Barely"), (6, "Beyond"))


def test_an_error_stands_beside_its_field(page: Page) -> None:
    page.goto("/runs/launch/?program=support-reply")
    page.get_by_text("More settings").click()
    page.get_by_label("Constraints").fill('[{"kind": "rhyme"}')
    page.get_by_role("button", name="Launch").click()
    field = page.get_by_label("Constraints")
    expect(field).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_optimizer_constraints_error")).to_contain_text("This is not JSON")


def test_a_choice_brings_its_fields_and_keeps_the_rest(page: Page) -> None:
    page.goto("/runs/launch/?program=support-reply")
    page.get_by_label("What is judged").fill("Which reply is kinder?")
    page.get_by_label("How outputs are judged").focus()
    page.get_by_label("How outputs are judged").select_option("ranking")
    expect(page.get_by_label("Outputs may share a rank")).to_be_visible()
    expect(page.get_by_label("How outputs are judged")).to_be_focused()
    expect(page.get_by_label("What is judged")).to_have_value("Which reply is kinder?")
    expect(page.get_by_label("Samples an example")).to_have_value("3")
    questions = page.locator("#estimate").get_by_text("Outputs to people").locator("..")
    expect(questions).to_contain_text("32")
    page.get_by_label("Trainer").select_option("ParetoSearch")
    expect(page.get_by_label("Outputs judged in all")).to_have_value("500")
    page.get_by_label("Trainer").select_option("MinibatchAlgorithm")
    expect(page.get_by_label("Outputs judged in all")).to_have_count(0)
    page.get_by_role("button", name="Add a level").click()
    page.keyboard.type("Beyond")
    page.get_by_role("button", name="Launch").click()
    expect(page.locator("[data-state]")).to_have_text("Beginning iteration 1")
    config = Run.objects.latest("pk").config
    assert config["loss"] == {"name": "HumanRankingLoss", "args": {"criteria": "Which reply is kinder?"}}
    assert config["trainer"]["args"]["num_samples"] == 3
    assert config["judge"]["args"]["rubric"][-1]["label"] == "Beyond"


def test_a_check_in_code_is_chosen_with_its_arguments(page: Page) -> None:
    page.goto("/runs/launch/?program=support-reply")
    page.get_by_label("How outputs are judged").select_option("verifier")
    page.get_by_label("Check", exact=True).select_option("regex")
    page.get_by_label("Pattern").fill("HB-[0-9]+")
    expect(page.get_by_role("radio", name="People")).to_be_hidden()
    expect(page.get_by_role("group", name="Levels")).to_be_hidden()
    page.get_by_role("button", name="Launch").click()
    expect(page.locator("[data-state]")).to_have_text("Beginning iteration 1")
    verifier = Run.objects.latest("pk").config["loss"]["args"]["verifier"]
    assert verifier == {"name": "regex", "pattern": "HB-[0-9]+"}
