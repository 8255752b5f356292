"""What a run can be made of, told with schemas that hold."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from optimization.losses import LOSSES
from optimization.losses.verifiers import BUILT_IN
from optimization.optimizers import OPTIMIZERS
from optimization.runs.labels import LABELS
from optimization.trainers import TRAINERS
from tests.api.conftest import As
from tests.engine.conftest import RUBRIC


@pytest.fixture
def told(as_role: As) -> dict[str, dict[str, Any]]:
    """By subject, the options by name."""
    answer = as_role("viewer").get("/choices")
    assert answer.status_code == 200
    return {
        subject: {option["name"]: option for option in options} for subject, options in answer.json().items()
    }


def valid(option: dict[str, Any], args: dict[str, Any]) -> bool:
    return Draft202012Validator(option["arguments"]).is_valid(args)


def test_every_loss_optimizer_trainer_and_check_is_told(told: dict[str, Any]) -> None:
    assert list(told["losses"]) == list(LOSSES)
    assert list(told["optimizers"]) == list(OPTIMIZERS)
    assert list(told["trainers"]) == list(TRAINERS)
    assert list(told["verifiers"]) == list(BUILT_IN)


def test_each_says_what_it_is_and_what_its_arguments_are_called(told: dict[str, Any]) -> None:
    for options in told.values():
        for option in options.values():
            assert option["title"], option
            assert option["about"], option
            Draft202012Validator.check_schema(option["arguments"])
            assert option["arguments"]["additionalProperties"] is False
            assert all(argument["title"] for argument in option["arguments"]["properties"].values())


def test_every_argument_of_a_loss_an_optimizer_and_a_trainer_has_a_label_of_its_own(
    told: dict[str, Any],
) -> None:
    arguments = {
        name
        for subject in ("losses", "optimizers", "trainers")
        for option in told[subject].values()
        for name in option["arguments"]["properties"]
    }
    assert arguments <= set(LABELS)


@pytest.mark.parametrize(
    ("subject", "name", "args", "fits"),
    [
        ("losses", "HumanRubricLoss", RUBRIC, True),
        ("losses", "HumanRubricLoss", {**RUBRIC, "require_feedback": 3}, True),
        ("losses", "HumanRubricLoss", {"criteria": "Good?"}, False),
        ("losses", "HumanRubricLoss", {**RUBRIC, "desk": None}, False),
        ("losses", "LLMRankingLoss", {"criteria": "Best?", "n": 1}, False),
        ("losses", "VerifierLoss", {"verifier": {"name": "regex", "pattern": "a"}}, True),
        ("losses", "CompositeLoss", {"losses": [[{"name": "LLMFeedbackLoss"}, 2]]}, True),
        ("losses", "CompositeLoss", {"losses": [{"name": "LLMFeedbackLoss"}]}, False),
        ("optimizers", "SFAOptimizer", {"conservatism": 0.5, "reasoning_model": "judge"}, True),
        ("optimizers", "SFAOptimizer", {"conservatism": 1.5}, False),
        ("optimizers", "TGDOptimizer", {"momentum": 2, "temperature": 0.7, "alias": "optimizer"}, True),
        ("optimizers", "TGDOptimizer", {"params": []}, False),
        ("trainers", "BasicSearchAlgorithm", {"num_proposals": 3, "num_epochs": None}, True),
        ("trainers", "BasicSearchAlgorithm", {"num_proposals": 0}, False),
        ("trainers", "Minibatch", {"approve": True}, True),
        ("verifiers", "length", {"maximum": 90, "unit": "words"}, True),
        ("verifiers", "length", {"unit": "pages"}, False),
        ("verifiers", "json_schema", {"schema": {"type": "object"}}, True),
    ],
)
def test_the_schemas_say_what_fits(
    told: dict[str, Any], subject: str, name: str, args: dict[str, Any], fits: bool
) -> None:
    assert valid(told[subject][name], args) is fits


def test_a_runs_iterations_end_it_and_not_its_passes_over_the_data(told: dict[str, Any]) -> None:
    passes = told["trainers"]["MinibatchAlgorithm"]["arguments"]["properties"]["num_epochs"]
    assert passes["default"] is None
