"""How outputs are judged and by whom, as the form asks it, and the losses that it means."""

from __future__ import annotations

from typing import Any

from optimization.runs.config import ASKED

# By the way of judging: its words, then the losses by which people and a model judge so.
METHODS: dict[str, tuple[str, str, str]] = {
    "rubric": ("a rubric: which level is reached?", "HumanRubricLoss", "LLMRubricLoss"),
    "feedback": ("remarks alone: what should be better?", "HumanFeedbackLoss", "LLMFeedbackLoss"),
    "preference": ("comparison: which of two is better?", "HumanPreferenceLoss", "LLMPreferenceLoss"),
    "ranking": ("a ranking: in what order do they come?", "HumanRankingLoss", "LLMRankingLoss"),
    "verifier": ("a check in code: does it pass?", "VerifierLoss", "VerifierLoss"),
    "composite": ("several of these, weighted", "CompositeLoss", "CompositeLoss"),
}
SAMPLES = {"preference": 2, "ranking": 3}
"""Outputs of an example that are compared, where a way of judging compares."""
SAME, SAME_BY_PEOPLE, BY_LEVELS = "model", "people", "rubric"


def loss_name(method: str, judged_by: str) -> str:
    _, by_people, by_model = METHODS[method]
    return by_people if judged_by == "people" else by_model


def method_of(loss: str) -> str:
    """The way of judging that a loss belongs to."""
    return next((method for method, (_, *names) in METHODS.items() if loss in names), "rubric")


def held_out_choices(method: str) -> list[tuple[str, str]]:
    """By whom held-out outputs can be judged; the first is the one to begin with. Remarks alone give no score."""
    levels = (BY_LEVELS, "a model, by the levels above")
    match method:
        case "rubric":
            return [(SAME, "a model, by the same rubric"), (SAME_BY_PEOPLE, "people, by the same rubric")]
        case "feedback":
            return [levels]
        case "verifier":
            return [(SAME, "the same check"), levels]
        case "composite":
            return [(SAME, "the same, models in place of people"), levels]
    with_target = "compared with its target"
    return [levels, (SAME, f"a model, each {with_target}"), (SAME_BY_PEOPLE, f"people, each {with_target}")]


def judge_of_held_out(
    held_out: str, method: str, args: dict[str, Any], criteria: str, levels: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """The judge of a run's configuration; None stands for models that are asked what people are asked."""
    if held_out == BY_LEVELS:
        return {"name": "LLMRubricLoss", "args": {"criteria": criteria, "rubric": levels}}
    if held_out == SAME_BY_PEOPLE:
        asked = {name: value for name, value in args.items() if name in ASKED}
        asked |= {"require_feedback": False} if method == "rubric" else {}
        return {"name": loss_name(method, "people"), "args": asked}
    return None
