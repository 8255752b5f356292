"""Launching: working defaults, an estimate before the button, errors beside the fields."""

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from optimization.catalog.shipped import shipped_datasets_register, shipped_programs_register
from optimization.models import Endpoint, Membership, Run, Workspace
from optimization.runs.config import People
from tests.factories import make_dataset, make_program, make_run
from tests.pages.reading import errors_beside, text

Members = dict[str, Membership]
REDRAWING = ("method", "judged_by", "loss_verifier", "held_out", "trainer", "optimizer")


@pytest.fixture
def catalog(workspace: Workspace) -> None:
    shipped_programs_register(workspace=workspace)
    shipped_datasets_register(workspace=workspace)


@pytest.fixture
def colleague(members: Members) -> None:
    Membership.objects.filter(pk=members["annotator"].pk).update(is_rehearsal=True)


def filled(client: Client, **changes: object) -> dict[str, object]:
    """What a browser sends when nothing but `changes` is changed; a choice that brings other fields draws them first."""
    sent = on(client.get("/runs/launch/"))
    for name in REDRAWING:
        if name in changes:
            sent = on(redrawn(client, {**sent, name: changes[name]}, name))
    return {
        name: value for name, value in {**sent, **changes}.items() if value is not None and value is not False
    }


def redrawn(client: Client, sent: dict[str, object], changed: str) -> HttpResponse:
    """The fields as htmx asks for them after a change."""
    htmx = {"HX-Request": "true", "HX-Trigger-Name": changed}
    return client.post("/runs/launch/fields/", sent, headers=htmx)


def on(page: HttpResponse) -> dict[str, object]:
    """The values of a page's form, as a browser would send them."""
    form, levels = page.context["form"], page.context["levels"]
    values = {name: form[name].value() for name in form.fields}
    for number, level in enumerate(levels.forms):
        values |= {f"level-{number}-{name}": level[name].value() for name in level.fields}
    values |= {"level-TOTAL_FORMS": len(levels.forms), "level-INITIAL_FORMS": len(levels.forms)}
    values["shown"] = form.shown
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_the_defaults_can_be_launched_as_they_are(operator: Client, catalog: None) -> None:
    answer = operator.post("/runs/launch/", filled(operator))
    run = Run.objects.get()
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert run.name == "Support reply, Support tickets"
    assert run.config["loss"]["name"] == "HumanRubricLoss"
    assert People.model_validate(run.config["people"]) == People()
    assert run.config["iterations"] == 4


def test_with_rehearsal_colleagues_people_judge_three_outputs_and_they_the_rest(
    operator: Client, catalog: None, colleague: None
) -> None:
    operator.post("/runs/launch/", filled(operator))
    people = Run.objects.get().config["people"]
    assert People.model_validate(people) == People(per_iteration=3, rehearsal=True)


@pytest.mark.parametrize("changes", [{"per_iteration": "3"}, {"method": "ranking", "per_iteration": "7"}])
def test_outputs_that_nobody_would_judge_are_refused_beside_their_number(
    operator: Client, catalog: None, changes: dict[str, object]
) -> None:
    answer = operator.post("/runs/launch/", filled(operator, **changes))
    assert "and nobody judges the others" in errors_beside(answer, "per_iteration")
    assert not Run.objects.exists()


def test_the_data_that_fits_the_program_is_chosen_in_advance(operator: Client, catalog: None) -> None:
    form = operator.get("/runs/launch/?program=support_reply").context["form"]
    assert form["dataset"].value() == "support-tickets"


@pytest.mark.parametrize(("remarks", "required"), [("below", 4.0), ("always", True), ("never", False)])
def test_it_is_chosen_when_judges_must_say_what_would_be_better(
    operator: Client, catalog: None, remarks: str, required: bool | float
) -> None:
    operator.post("/runs/launch/", filled(operator, loss_require_feedback=remarks))
    assert Run.objects.get().config["loss"]["args"]["require_feedback"] == required


def test_a_model_can_judge_instead_of_people(operator: Client, catalog: None) -> None:
    operator.post("/runs/launch/", filled(operator, judged_by="model"))
    assert Run.objects.get().config["loss"]["name"] == "LLMRubricLoss"


def test_it_is_said_when_a_run_ends_early_and_the_next_one_like_it_says_so_too(
    operator: Client, catalog: None
) -> None:
    operator.post("/runs/launch/", filled(operator, target_score="0.9", patience="3", hours=""))
    run = Run.objects.get()
    assert run.config["stop"] == {"target_score": 0.9, "patience": 3, "hours": None}
    again = on(operator.get(f"/runs/launch/?like={run.pk}"))
    assert (again["target_score"], again["patience"], again.get("hours")) == (0.9, 3, None)
    answer = operator.post("/runs/launch/", filled(operator, target_score="1.5"))
    assert "less than or equal to 1" in errors_beside(answer, "target_score")


def test_the_rubric_is_what_the_editor_says_empty_levels_left_out(operator: Client, catalog: None) -> None:
    changes = {"level-1-label": "", "level-3-label": "", "level-4-label": "Wholly"}
    operator.post("/runs/launch/", filled(operator, **changes))
    levels = Run.objects.get().config["loss"]["args"]["rubric"]
    assert [(level["score"], level["label"]) for level in levels] == [(1, "No"), (3, "Partly"), (5, "Wholly")]


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("loss_criteria", "", "This field is required."),
        ("iterations", "0", "Ensure this value is greater than or equal to 1."),
        ("trainer_batch_size", "0", "Ensure this value is greater than or equal to 1."),
        ("trainer_num_samples", "many", "Enter a whole number."),
        ("optimizer_conservatism", "2", "Ensure this value is less than or equal to 1"),
        ("optimizer_constraints", "[", "This is not JSON"),
        ("optimizer_constraints", "[7]", "Input should be"),
        ("dataset", "", "This field is required."),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_is_launched(
    operator: Client, catalog: None, field: str, value: str, error: str
) -> None:
    answer = operator.post("/runs/launch/", filled(operator, **{field: value}))
    assert answer.status_code == 422
    assert error in errors_beside(answer, field)
    assert not Run.objects.exists()


def test_data_that_lacks_an_input_is_refused_beside_the_data(operator: Client, catalog: None) -> None:
    answer = operator.post("/runs/launch/", filled(operator, dataset="product-notes"))
    assert answer.status_code == 422
    assert "needs the inputs" in errors_beside(answer, "dataset")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({f"level-{number}-label": "" for number in range(1, 5)}, "A rubric has two levels or more."),
        ({"level-1-score": "1"}, "The score 1 is there twice"),
        ({"level-0-score": ""}, "Each level needs a score."),
    ],
)
def test_a_rubric_that_cannot_be_used_says_why(
    operator: Client, catalog: None, changes: dict[str, str], error: str
) -> None:
    answer = operator.post("/runs/launch/", filled(operator, **changes))
    assert answer.status_code == 422
    assert error in text(answer)
    assert not Run.objects.exists()


def test_what_was_entered_stays_after_an_error(operator: Client, catalog: None) -> None:
    answer = operator.post("/runs/launch/", filled(operator, iterations="0", loss_criteria="Is it kind?"))
    assert "Is it kind?" in text(answer)


def test_another_run_can_be_launched_like_an_earlier_one(
    operator: Client, workspace: Workspace, members: Members
) -> None:
    config = {
        "iterations": 7,
        "trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": 5, "min_score": 0}},
    }
    run = make_run(workspace, members["operator"].user, config=config)
    page = operator.get(f"/runs/launch/?like={run.pk}").context
    form = page["form"]
    assert (form["iterations"].value(), form["trainer_batch_size"].value()) == (7, 5)
    assert form["trainer_min_score"].value() == 0
    assert [level["label"].value() for level in page["levels"]] == [
        "No",
        "Barely",
        "Partly",
        "Mostly",
        "Fully",
    ]


class TestTheEstimate:
    def told(self, client: Client, **changes: object) -> str:
        answer = client.post("/runs/launch/estimate/", filled(client, **changes))
        assert answer.status_code == 200
        return text(answer)

    def test_counts_calls_and_questions_of_the_whole_run(
        self, operator: Client, workspace: Workspace, colleague: None
    ) -> None:
        make_program(workspace)
        make_dataset(workspace)
        # 4 iterations of 8 examples through 2 nodes, 2 prompts rewritten by 2 calls; 8 held out, 5 times, 2 + 1 calls.
        shown = self.told(operator)
        assert f"about {4 * (8 * 2 + 2 * 2) + 5 * 8 * 3}" in shown
        assert "Outputs to people 12" in shown
        assert "Human minutes about 9" in shown

    def test_has_no_people_where_a_model_judges(self, operator: Client, workspace: Workspace) -> None:
        make_program(workspace)
        make_dataset(workspace)
        shown = self.told(operator, judged_by="model")
        assert "Outputs to people 0" in shown
        assert f"about {4 * (8 * 3 + 2 * 2) + 5 * 8 * 3}" in shown

    def test_prices_what_the_endpoint_costs(self, operator: Client, workspace: Workspace) -> None:
        make_program(workspace)
        make_dataset(workspace)
        Endpoint.objects.create(
            workspace=workspace, name="default", model="m", input_cost_per_1m=1, output_cost_per_1m=4
        )
        assert "Dollars about $0.32" in self.told(operator)

    def test_of_the_rehearsal_endpoint_is_nothing_and_says_why(
        self, operator: Client, workspace: Workspace, rehearsal_endpoint: Endpoint
    ) -> None:
        make_program(workspace)
        make_dataset(workspace)
        shown = self.told(operator)
        assert "Dollars $0.00" in shown
        assert "The rehearsal endpoint costs nothing" in shown

    def test_waits_until_the_form_can_be_read(self, operator: Client, workspace: Workspace) -> None:
        make_program(workspace)
        make_dataset(workspace)
        assert "Told as soon as the form can be read" in self.told(operator, iterations="")


def test_the_form_has_no_rehearsal_colleagues_where_there_are_none(
    operator: Client, members: Members, settings: Settings
) -> None:
    assert "rehearsal" not in operator.get("/runs/launch/").context["form"].fields
    Membership.objects.filter(pk=members["annotator"].pk).update(is_rehearsal=True)
    assert "rehearsal" in operator.get("/runs/launch/").context["form"].fields


def test_every_trainer_and_optimizer_is_offered_in_words(operator: Client, catalog: None) -> None:
    form = operator.get("/runs/launch/").context["form"]
    for field in ("trainer", "optimizer"):
        assert all(name != words for name, words in form.fields[field].choices)


@pytest.mark.parametrize(
    ("sent", "minutes"),
    [
        ({}, None),
        ({"deadline": "3", "deadline_unit": "60", "on_deadline": "model"}, 180),
        ({"deadline": "2", "deadline_unit": "1440", "on_deadline": "stop"}, 2880),
    ],
)
def test_a_deadline_is_declared_at_launch_and_carried_to_the_next(
    operator: Client, catalog: None, sent: dict[str, str], minutes: int | None
) -> None:
    operator.post("/runs/launch/", filled(operator, **sent))
    run = Run.objects.get()
    assert run.config["people"]["deadline_minutes"] == minutes
    assert run.config["people"]["on_deadline"] == sent.get("on_deadline", "go_on")
    again = on(operator.get(f"/runs/launch/?like={run.pk}"))
    assert {name: str(again[name]) for name in sent} == sent


def test_a_deadline_too_far_away_is_refused_at_its_field(operator: Client, catalog: None) -> None:
    answer = operator.post("/runs/launch/", filled(operator, deadline="91", deadline_unit="1440"))
    assert "129600" in errors_beside(answer, "deadline")
