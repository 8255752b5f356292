"""Every loss, algorithm and optimizer in a durable run, from the launch to the step, on the loop in one process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.catalog.datasets import dataset_import
from optimization.losses import LOSSES
from optimization.models import (
    Call,
    Candidate,
    FeedbackRequest,
    Iteration,
    Run,
    RunState,
    Score,
    Step,
    Tape,
    WorkItem,
    Workspace,
)
from optimization.optimizers import OPTIMIZERS
from optimization.runs.selectors import iteration_outputs, parameter_changes
from optimization.trainers import TRAINERS
from tests.engine.conftest import RUBRIC
from tests.engine.loop import play, work
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]

CRITERIA = {"criteria": "Which reply solves the customer's problem?"}
BY_RUBRIC = {"name": "LLMRubricLoss", "args": RUBRIC}
PAIRS = {"batch_size": 2, "num_samples": 2}
TRIOS = {"batch_size": 2, "num_samples": 3}


@pytest.fixture
def answered(team: Workspace) -> str:
    """Two rows to train on and one held out, each with the reply that was sent."""
    rows = [
        {
            "inputs": {"ticket": f"Where is order {n}?", "customer": "Ada", "facts": f"Order: HB-{n}"},
            "target": f"Dear Ada, I am sorry. Order HB-{n} left our warehouse on Monday.",
            "split": split,
        }
        for n, split in enumerate(["train", "train", "test"])
    ]
    lines = "\n".join(json.dumps(row) for row in rows).encode().splitlines()
    dataset_import(workspace=team, name="answered", title="Answered", lines=lines)
    return "answered"


def judged(question: dict[str, Any]) -> dict[str, Any]:
    """A person with something to say on every kind of question."""
    wish = "Name the order number"
    match question["kind"]:
        case "rubric":
            return {"score": 2, "improvements": [wish]}
        case "feedback":
            return {"improvements": [wish]}
        case "preference":
            return {"choice": "B", "reason": wish, "strengths": "It is shorter", "weaknesses": "It is vague"}
    total = len(question["outputs"])
    return {"ranks": list(range(total, 0, -1)), "notes": [wish] * total}


def weighted(*names: str) -> list[Any]:
    args = {"HumanRubricLoss": RUBRIC, "LLMRankingLoss": CRITERIA, "HumanRankingLoss": CRITERIA}
    members = [
        {"name": name, "args": args.get(name, {"verifier": {"name": "regex", "pattern": "HB-"}})}
        for name in names
    ]
    return [[member, 1 + place] for place, member in enumerate(members)]


CHOICES = [
    (
        "VerifierLoss",
        {"verifier": {"name": "regex", "pattern": "HB-", "message": "Name the order number"}},
        {},
    ),
    ("LLMFeedbackLoss", {}, {}),
    ("HumanFeedbackLoss", {"prompt_template": "What is missing?"}, {}),
    ("LLMRubricLoss", RUBRIC, {}),
    ("HumanRubricLoss", {**RUBRIC, "require_feedback": 3}, {}),
    ("LLMPreferenceLoss", CRITERIA, PAIRS),
    ("HumanPreferenceLoss", CRITERIA, PAIRS),
    ("LLMRankingLoss", {**CRITERIA, "n": 3}, TRIOS),
    ("HumanRankingLoss", {**CRITERIA, "allow_ties": True}, TRIOS),
    ("CompositeLoss", {"losses": weighted("VerifierLoss", "HumanRubricLoss")}, {}),
    (
        "CompositeLoss",
        {"losses": weighted("HumanRankingLoss", "HumanRubricLoss"), "aggregator": "judge"},
        PAIRS,
    ),
]


def test_no_loss_is_forgotten_here() -> None:
    assert {name for name, _, _ in CHOICES} == set(LOSSES)


@pytest.mark.parametrize(("name", "args", "plan"), CHOICES)
def test_a_run_learns_from_every_loss(
    launch: Launch,
    small_dataset: str,
    annotator: User,
    process: Process,
    name: str,
    args: dict[str, Any],
    plan: dict[str, Any],
) -> None:
    run = launch(
        dataset=small_dataset,
        loss={"name": name, "args": args},
        judge=BY_RUBRIC,
        trainer={"name": "MinibatchAlgorithm", "args": {"batch_size": 2, **plan}},
        iterations=1,
    )

    play(run, annotator, judged, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert Step.objects.filter(run=run).count() == 1
    assert Iteration.objects.get(run=run).changed
    assert parameter_changes(run, 0).remarks
    outputs = iteration_outputs(run, 0)
    samples = plan.get("num_samples", 1)
    assert [(one.example, one.sample) for one in outputs] == sorted(
        (example, sample) for example in range(2) for sample in range(samples)
    )
    assert all(one.remarks and one.output for one in outputs)
    assert Score.objects.filter(run=run).count() == 2
    keys = Call.objects.filter(run=run).values_list("key", flat=True)
    assert len(set(keys)) == len(keys)


def test_the_samples_of_an_example_are_one_work_item_with_an_outcome_and_a_tape_each(
    launch: Launch, small_dataset: str, annotator: User, process: Process
) -> None:
    run = launch(
        dataset=small_dataset,
        loss={"name": "HumanRankingLoss", "args": CRITERIA},
        judge=BY_RUBRIC,
        trainer={"name": "MinibatchAlgorithm", "args": TRIOS},
        iterations=1,
    )
    work(run, process)

    items = WorkItem.objects.filter(run=run, kind="forward")
    asked = FeedbackRequest.objects.filter(run=run)
    assert (items.count(), asked.count()) == (2, 2)
    assert all(len(request.question["outputs"]) == 3 for request in asked)
    waiting = iteration_outputs(run, 0)
    assert [one.output for one in waiting[:3]] == items.order_by("index")[0].feedback_requests.get().question[
        "outputs"
    ]
    assert {one.waits_for for one in waiting} == {"people"}

    play(run, annotator, judged, process)

    result = items.order_by("index")[0].result
    assert [one["score"] for one in result] == [0.0, 0.5, 1.0]
    assert Tape.objects.filter(run=run).count() == 6
    assert {tape["tape"] for item in items.all() for tape in item.result} == set(
        Tape.objects.values_list("pk", flat=True)
    )
    remark = iteration_outputs(run, 0)[0].remarks[0]
    assert (remark.label, remark.improvements) == ("rank 3 of 3", ("Name the order number",))


def test_with_one_sample_outputs_are_compared_with_their_targets(
    launch: Launch, answered: str, annotator: User, process: Process
) -> None:
    run = launch(
        dataset=answered,
        loss={"name": "HumanPreferenceLoss", "args": CRITERIA},
        trainer={"name": "MinibatchAlgorithm", "args": {"batch_size": 2}},
        iterations=1,
    )
    play(run, annotator, judged, process)

    assert run.state == RunState.FINISHED, run.reason
    questions = FeedbackRequest.objects.filter(run=run).values_list("question", flat=True)
    assert all(question["outputs"][1].startswith("Dear Ada, I am sorry.") for question in questions)
    assert Score.objects.filter(run=run, mean__isnull=False).count() == 2
    remark = iteration_outputs(run, 0)[0].remarks[0]
    assert (remark.label, remark.improvements[0]) == (
        "the other is preferred",
        "The other output was better: Name the order number",
    )


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("Minibatch", {"batch_size": 2, "ensure_improvement": True}),
        ("MinibatchAlgorithm", {"batch_size": 2, "min_score": 0}),
        ("BasicSearchAlgorithm", {"batch_size": 2, "num_proposals": 2}),
        ("ParetoSearch", {"batch_size": 2, "merge_frequency": 2}),
    ],
)
def test_every_algorithm_brings_a_run_to_its_end(
    launch: Launch, small_dataset: str, annotator: User, process: Process, name: str, plan: dict[str, Any]
) -> None:
    run = launch(
        dataset=small_dataset,
        loss=BY_RUBRIC,
        trainer={"name": name, "args": plan},
        optimizer={"name": "SFAOptimizer", "args": {"conservatism": 0.3}},
        iterations=2,
    )
    play(run, annotator, judged, process)

    assert run.state == RunState.FINISHED, run.reason
    assert run.iteration == 2
    assert Candidate.objects.filter(run=run).count() > 1
    scores = list(Score.objects.filter(run=run).order_by("position").values_list("mean", flat=True))
    assert len(scores) == 3
    assert scores[-1] >= scores[0]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("SFAOptimizer", {"constraints": [{"kind": "max_length", "characters": 4000}], "max_retries": 1}),
        ("TGDOptimizer", {"momentum": 2, "max_tokens": 2000, "alias": "optimizer/updater"}),
    ],
)
def test_every_optimizer_takes_its_arguments_and_keeps_its_state(
    launch: Launch, small_dataset: str, annotator: User, process: Process, name: str, args: Any
) -> None:
    run = launch(
        dataset=small_dataset,
        loss=BY_RUBRIC,
        optimizer={"name": name, "args": args},
        iterations=2,
        trainer={"name": "MinibatchAlgorithm", "args": {"batch_size": 2}},
    )
    play(run, annotator, judged, process)

    assert run.state == RunState.FINISHED, run.reason
    assert run.optimizer_state["param_groups"][0]["constraints"] == args.get("constraints", [])
    if name == "TGDOptimizer":
        assert any(state["momentum_buffer"] for state in run.optimizer_state["state"].values())


def test_an_algorithm_that_is_given_no_scores_after_all_stops_its_run_in_words(
    launch: Launch, answered: str, annotator: User, process: Process
) -> None:
    run = launch(
        dataset=answered,
        loss={"name": "HumanPreferenceLoss", "args": CRITERIA},
        trainer={"name": "Minibatch", "args": {"batch_size": 2, "ensure_improvement": True}},
        iterations=1,
    )
    wish = {"choice": "A", "reason": "Name the order number"}
    answers = iter([wish, wish, {"choice": "abstain"}, {"choice": "abstain"}])
    play(run, annotator, lambda question: next(answers), process)

    assert run.state == RunState.NEEDS_ATTENTION
    assert run.reason.startswith("The algorithm Minibatch cannot go on: Minibatch has to compare scores")
    assert not Step.objects.filter(run=run).exists()


def test_no_algorithm_and_no_optimizer_is_forgotten_here() -> None:
    assert set(TRAINERS) == {"Minibatch", "MinibatchAlgorithm", "BasicSearchAlgorithm", "ParetoSearch"}
    assert set(OPTIMIZERS) == {"SFAOptimizer", "TGDOptimizer"}
