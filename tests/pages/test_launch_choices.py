"""The launch form offers every loss, check, trainer and optimizer, each with its arguments as fields."""

from __future__ import annotations

import json
from inspect import signature
from typing import Any

import pytest
from django.test import Client

from feedback_ui.launch.judging import METHODS
from optimization.catalog.datasets import dataset_import
from optimization.losses import LOSSES
from optimization.losses.verifiers import BUILT_IN
from optimization.models import Membership, Run, Workspace
from optimization.optimizers import OPTIMIZERS
from optimization.trainers import TRAINERS
from tests.factories import make_run
from tests.pages.reading import errors_beside, text
from tests.pages.test_launch import catalog, filled, on, redrawn

__all__ = ["catalog"]

pytestmark = pytest.mark.usefixtures("catalog")


@pytest.fixture
def plain(workspace: Workspace) -> None:
    """Data without targets."""
    inputs = {"ticket": "Where is it?", "customer": "Ada", "facts": "Order: HB-1"}
    rows = [json.dumps({"inputs": inputs, "split": split}) for split in ("train", "train", "test")]
    dataset_import(workspace=workspace, name="plain", lines="\n".join(rows).encode().splitlines())


def launched(client: Client, **changes: object) -> dict[str, Any]:
    """The configuration of the run that the form makes with these changes."""
    answer = client.post("/runs/launch/", filled(client, **changes))
    assert answer.status_code == 302, text(answer)
    return Run.objects.get().config


@pytest.mark.parametrize(
    ("changes", "name", "args"),
    [
        ({"method": "rubric"}, "HumanRubricLoss", {"require_feedback": 4.0}),
        ({"method": "rubric", "judged_by": "model", "loss_alias": "strict"}, "LLMRubricLoss", {"alias": "strict"}),
        (
            {"method": "rubric", "loss_aspects": "Facts: is it right?\n\nTone"},
            "HumanRubricLoss",
            {"aspects": [{"name": "Facts", "description": "is it right?"}, {"name": "Tone", "description": ""}]},
        ),
        ({"method": "rubric", "loss_aspects": '[{"name": "Tone", "weight": 2}]'}, "HumanRubricLoss", {"aspects": [{"name": "Tone", "weight": 2}]}),
        ({"method": "feedback"}, "HumanFeedbackLoss", {}),
        (
            {"method": "feedback", "loss_prompt_template": "What lacks {output}?", "loss_show_context": False},
            "HumanFeedbackLoss",
            {"prompt_template": "What lacks {output}?", "show_context": False},
        ),
        ({"method": "feedback", "judged_by": "model"}, "LLMFeedbackLoss", {"criteria": "Does the output do what was asked for?"}),
        ({"method": "preference", "loss_require_reason": False}, "HumanPreferenceLoss", {"require_reason": False}),
        ({"method": "preference", "judged_by": "model"}, "LLMPreferenceLoss", {}),
        ({"method": "ranking", "loss_allow_ties": "on", "loss_n": "3"}, "HumanRankingLoss", {"allow_ties": True, "n": 3}),
        ({"method": "ranking", "judged_by": "model"}, "LLMRankingLoss", {}),
        (
            {"method": "verifier", "loss_verifier": "length", "check_maximum": "90", "check_unit": "words"},
            "VerifierLoss",
            {"verifier": {"name": "length", "maximum": 90}},
        ),
        (
            {"method": "composite", "loss_losses": '[[{"name": "LLMFeedbackLoss"}, 1], [{"name": "VerifierLoss", "args": {"verifier": "exact"}}, 2]]'},
            "CompositeLoss",
            {"losses": [[{"name": "LLMFeedbackLoss"}, 1], [{"name": "VerifierLoss", "args": {"verifier": "exact"}}, 2]]},
        ),
    ],
)  # fmt: skip
def test_every_way_of_judging_can_be_launched(
    operator: Client, changes: dict[str, object], name: str, args: dict[str, Any]
) -> None:
    loss = launched(operator, **changes)["loss"]
    assert loss["name"] == name
    assert loss["args"].items() >= args.items()
    assert set(loss["args"]) <= {*args, "criteria", "rubric", "require_feedback"}


def test_the_form_reaches_every_loss(operator: Client) -> None:
    form = operator.get("/runs/launch/").context["form"]
    assert {name for _, *names in METHODS.values() for name in names} == set(LOSSES)
    assert [method for method, _ in form.fields["method"].choices] == list(METHODS)


@pytest.mark.parametrize("check", sorted(BUILT_IN))
def test_a_check_brings_its_own_fields(operator: Client, check: str) -> None:
    sent = filled(operator, method="verifier")
    form = redrawn(operator, {**sent, "loss_verifier": check}, "loss_verifier").context["form"]
    fields = {name.removeprefix("check_") for name in form.fields if name.startswith("check_")}
    assert fields == set(signature(BUILT_IN[check]).parameters)


@pytest.mark.parametrize("trainer", list(TRAINERS))
def test_every_trainer_can_be_launched_with_what_its_fields_say(operator: Client, trainer: str) -> None:
    config = launched(
        operator, trainer=trainer, judged_by="model", trainer_batch_size="5", trainer_min_score="0.25"
    )
    assert config["trainer"]["name"] == trainer
    assert config["trainer"]["args"] == {"num_epochs": None, "batch_size": 5, "min_score": 0.25}


def test_a_trainer_brings_its_own_fields(operator: Client) -> None:
    def arguments(trainer: str) -> set[str]:
        form = redrawn(operator, filled(operator, trainer=trainer), "trainer").context["form"]
        return {name.removeprefix("trainer_") for name in form.fields if name.startswith("trainer_")}

    for trainer in TRAINERS:
        always_so = {"ensure_improvement"} if trainer == "BasicSearchAlgorithm" else set()
        assert arguments(trainer) == set(TRAINERS[trainer].Plan.model_fields) - always_so


@pytest.mark.parametrize(
    ("changes", "name", "args"),
    [
        (
            {"optimizer": "SFAOptimizer", "optimizer_conservatism": "0.2", "optimizer_constraints": '["In English."]'},
            "SFAOptimizer",
            {"conservatism": 0.2, "constraints": ["In English."]},
        ),
        (
            {"optimizer": "TGDOptimizer", "optimizer_momentum": "2", "optimizer_temperature": "0.5"},
            "TGDOptimizer",
            {"momentum": 2, "temperature": 0.5},
        ),
    ],
)  # fmt: skip
def test_every_optimizer_can_be_launched_with_what_its_fields_say(
    operator: Client, changes: dict[str, object], name: str, args: dict[str, Any]
) -> None:
    assert launched(operator, **changes)["optimizer"] == {"name": name, "args": args}
    assert {
        name for name, _ in operator.get("/runs/launch/").context["form"].fields["optimizer"].choices
    } == set(OPTIMIZERS)


@pytest.mark.parametrize(("method", "samples"), [("preference", 2), ("ranking", 3), ("rubric", 1)])
def test_a_way_of_judging_that_compares_asks_for_samples_to_compare(
    operator: Client, method: str, samples: int
) -> None:
    ranking = filled(operator, method="ranking")
    assert ranking["trainer_num_samples"] == 3
    form = redrawn(operator, {**ranking, "method": method}, "method").context["form"]
    assert form["trainer_num_samples"].value() == samples


@pytest.mark.parametrize("method", ["feedback", "preference", "ranking"])
def test_what_gives_no_score_by_itself_has_its_held_out_outputs_judged_by_levels(
    operator: Client, method: str
) -> None:
    config = launched(operator, method=method)
    assert config["judge"]["name"] == "LLMRubricLoss"
    assert len(config["judge"]["args"]["rubric"]) == 5


def test_held_out_outputs_can_be_judged_by_levels_with_a_question_of_their_own(operator: Client) -> None:
    config = launched(
        operator, method="verifier", loss_verifier="exact", held_out="rubric", criteria="Is it kind?"
    )
    assert config["judge"]["args"]["criteria"] == "Is it kind?"


@pytest.mark.parametrize(
    ("changes", "field", "error"),
    [
        ({"method": "verifier", "loss_verifier": "regex", "check_pattern": "("}, "loss_verifier", "cannot be made"),
        ({"method": "verifier", "loss_verifier": "regex"}, "check_pattern", "This field is required."),
        ({"method": "composite", "loss_losses": "{"}, "loss_losses", "This is not JSON"),
        (
            {"method": "composite", "loss_losses": '[[{"name": "LLMRubricLoss", "args": {"criteria": "Good?"}}, 1]]'},
            "loss_losses",
            "Field required",
        ),
        ({"method": "preference", "trainer_num_samples": "3"}, "method", "compares two outputs, and there are 3"),
        ({"method": "preference", "trainer_num_samples": "1"}, "method", "there is no target to compare it with"),
        ({"method": "ranking", "held_out": "model"}, "held_out", "there is no target to compare it with"),
        ({"method": "ranking", "loss_n": "1"}, "loss_n", "Ensure this value is greater than or equal to 2."),
        (
            {"method": "preference", "trainer_ensure_improvement": "on"},
            "method",
            "says nothing of whether another prompt is better",
        ),
        ({"optimizer": "TGDOptimizer", "optimizer_momentum": "-1"}, "optimizer_momentum", "greater than or equal to 0"),
        ({"optimizer": "TGDOptimizer", "optimizer_messages": "[{}]"}, "optimizer_messages", "Field required"),
        ({"trainer": "ParetoSearch", "trainer_max_metric_calls": "0"}, "trainer_max_metric_calls", "or equal to 1"),
        ({"optimizer_constraints": '{"kind": "rhyme"}'}, "optimizer_constraints", "Unknown constraint kind 'rhyme'"),
        ({"optimizer_constraints": "Be kind.\n{oops"}, "optimizer_constraints", "This is not JSON"),
        ({"optimizer_constraints": "[5]"}, "optimizer_constraints", "Input should be a valid string"),
        ({"most": "1"}, "most", "greater than or equal to 2"),
    ],
)  # fmt: skip
def test_an_error_stands_beside_the_argument_that_it_is_about(
    operator: Client, plain: None, changes: dict[str, object], field: str, error: str
) -> None:
    answer = operator.post("/runs/launch/", filled(operator, **changes, dataset="plain"))
    assert answer.status_code == 422
    assert error in errors_beside(answer, field)
    assert not Run.objects.exists()


def test_what_is_wrong_is_told_at_the_top_of_the_page_and_every_fold_with_a_fault_is_open(
    operator: Client,
) -> None:
    answer = operator.post("/runs/launch/", filled(operator, optimizer_constraints="[5]", most="1"))
    page = answer.content.decode()
    told = page.partition('class="note note--alarm launch__faults"')[2].partition("</div>")[0]
    assert '<a href="#id_most">While the score is uncertain, up to</a>' in told
    assert page.count('<details class="field more" open>') == 1
    answer = operator.post("/runs/launch/", filled(operator, optimizer_constraints="[5]"))
    page = answer.content.decode()
    assert '<a href="#id_optimizer_constraints">Constraints</a>: Input should be a valid string' in page
    assert page.count('<details class="field more" open>') == 1
    assert "launch__faults" not in operator.get("/runs/launch/").content.decode()


def test_constraints_are_written_a_line_each_and_read_back_so(
    operator: Client, workspace: Workspace, members: dict[str, Membership]
) -> None:
    lines = 'Stays polite.\n{"kind": "max_length", "characters": 900}'
    config = launched(operator, optimizer_constraints=f"\n{lines}\n\n")
    constraints = ["Stays polite.", {"kind": "max_length", "characters": 900}]
    assert config["optimizer"]["args"] == {"constraints": constraints}
    again = operator.get(f"/runs/launch/?like={Run.objects.get().pk}").content.decode()
    assert "Stays polite.\n{&quot;kind&quot;: &quot;max_length&quot;, &quot;characters&quot;: 900}" in again


def test_what_was_filled_in_stays_when_a_choice_brings_other_fields(operator: Client) -> None:
    sent = filled(operator, iterations="9", loss_criteria="Is it kind?", **{"level-4-label": "Wholly"})
    page = redrawn(operator, {**sent, "method": "ranking", "trainer": "ParetoSearch"}, "trainer")
    form, levels = page.context["form"], page.context["levels"]
    assert (form["iterations"].value(), form["loss_criteria"].value()) == ("9", "Is it kind?")
    assert levels.forms[4]["label"].value() == "Wholly"
    assert form["loss_allow_ties"].value() is False
    assert form["trainer_merge_frequency"].value() == 4
    assert "aria-invalid" not in page.content.decode()
    assert page["HX-Trigger-After-Swap"] == '{"redrawn": {}}'


def test_without_scripts_new_settings_are_shown_before_anything_is_launched(operator: Client) -> None:
    sent = {**on(operator.get("/runs/launch/")), "method": "preference"}
    page = operator.post("/runs/launch/", sent)
    assert page.status_code == 200
    assert "Look them over, then launch." in text(page)
    assert not Run.objects.exists()
    assert operator.post("/runs/launch/", on(page)).status_code == 302
    assert Run.objects.get().config["loss"]["args"]["criteria"] == "Does the output do what was asked for?"


def test_levels_that_nobody_judges_by_are_out_of_sight_and_ask_for_nothing(operator: Client) -> None:
    changes = {f"level-{number}-label": "" for number in range(5)}
    page = redrawn(operator, filled(operator, method="verifier"), "method")
    assert 'class="field rubric" aria-describedby="rubric-hint" hidden' in page.content.decode()
    launched(operator, method="verifier", loss_verifier="regex", check_pattern="a", **changes)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (
            {
                "loss": {"name": "LLMRankingLoss", "args": {"criteria": "Best?", "n": 4}},
                "judge": {"name": "LLMRubricLoss", "args": {"criteria": "Good?", "rubric": []}},
                "trainer": {"name": "ParetoSearch", "args": {"num_samples": 4, "max_metric_calls": 99}},
            },
            {
                "method": "ranking",
                "judged_by": "model",
                "held_out": "rubric",
                "loss_criteria": "Best?",
                "loss_n": 4,
                "trainer": "ParetoSearch",
                "trainer_num_samples": 4,
                "trainer_max_metric_calls": 99,
            },
        ),
        (
            {
                "loss": {"name": "VerifierLoss", "args": {"verifier": {"name": "length", "maximum": 9}}},
                "optimizer": {"name": "TGDOptimizer", "args": {"momentum": 3}},
            },
            {
                "method": "verifier",
                "loss_verifier": "length",
                "check_maximum": 9,
                "optimizer": "TGDOptimizer",
                "optimizer_momentum": 3,
            },
        ),
        (
            {"loss": {"name": "CompositeLoss", "args": {"losses": [[{"name": "LLMFeedbackLoss"}, 1]]}}},
            {"method": "composite", "loss_losses": json.dumps([[{"name": "LLMFeedbackLoss"}, 1]])},
        ),
    ],
)
def test_a_run_of_any_choices_can_be_launched_again(
    operator: Client,
    workspace: Workspace,
    members: dict[str, Membership],
    config: dict[str, Any],
    values: dict[str, Any],
) -> None:
    run = make_run(workspace, members["operator"].user, config=config)
    form = operator.get(f"/runs/launch/?like={run.pk}").context["form"]
    assert {name: form[name].value() for name in values} == values


def test_a_run_that_waits_for_decisions_alone_can_have_a_deadline(operator: Client) -> None:
    def deadline_row(**changes: object) -> str:
        html = redrawn(operator, filled(operator, **changes), "judged_by").content.decode()
        row = html.index('id="id_deadline"')
        return html[html.rindex('<div class="fields"', 0, row) : row].partition(">")[0]

    assert deadline_row(judged_by="model").endswith(" hidden")
    assert not deadline_row(judged_by="model", trainer_approve="on").endswith(" hidden")
    assert not deadline_row(judged_by="people").endswith(" hidden")
