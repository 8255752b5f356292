"""A run's configuration in words: one line for its head, facts for its side."""

from __future__ import annotations

from typing import Any

from optimization.models import Run
from optimization.runs.config import Choice
from optimization.runs.words import span_in_words

LOSSES = {
    "HumanRubricLoss": "people's rubric",
    "LLMRubricLoss": "a model's rubric",
    "HumanPreferenceLoss": "people's preference",
    "LLMPreferenceLoss": "a model's preference",
    "HumanRankingLoss": "people's ranking",
    "LLMRankingLoss": "a model's ranking",
    "HumanFeedbackLoss": "people's remarks",
    "LLMFeedbackLoss": "a model's remarks",
    "VerifierLoss": "a verifier",
    "CompositeLoss": "several judges",
}


def settings_line(run: Run) -> str:
    """ "support_reply · minibatch of 8 · SFA 0.7 · people's rubric" """
    config = run.config
    parts = [
        run.program.program.name,
        _trainer(config.get("trainer", {})),
        _optimizer(config.get("optimizer", {})),
        _judged(config),
    ]
    return " · ".join(part for part in parts if part)


def settings_facts(run: Run) -> list[tuple[str, str]]:
    """What the run was launched with, as (what, value) pairs."""
    config = run.config
    people = config.get("people", {})
    return [
        ("Program", str(run.program)),
        ("Data", str(run.dataset_version)),
        ("Trainer", _trainer(config.get("trainer", {}))),
        ("Optimizer", _optimizer(config.get("optimizer", {}))),
        ("Training judged by", _judged(config)),
        ("Held-out judged by", _held_out(config)),
        ("To people", _to_people(config.get("loss", {}), people)),
        ("Who is asked", people.get("panel") or people.get("person") or "everybody who judges"),
        ("Answers a question", str(people.get("wanted", 1))),
        ("Time to answer", _deadline(people)),
        ("Steps", "a person decides" if _approves(config) else "taken as they come"),
        ("Ends early", _ends(config.get("stop", {}))),
        ("Errors", "stop the run" if config.get("on_error") == "stop" else "cost their example"),
    ]


def _ends(stop: dict[str, Any]) -> str:
    words = {
        "target_score": "at a score of {:g}",
        "patience": "after {:g} scores without a better one",
        "hours": "after {:g} h",
    }
    said = [words[name].format(value) for name, value in stop.items() if value is not None]
    return ", ".join(said) or "no"


def _approves(config: dict[str, Any]) -> bool:
    return bool(config.get("trainer", {}).get("args", {}).get("approve"))


def _trainer(choice: dict[str, Any]) -> str:
    name = {
        "Minibatch": "minibatch",
        "MinibatchAlgorithm": "minibatch",
        "BasicSearchAlgorithm": "search",
        "ParetoSearch": "Pareto search",
    }.get(choice.get("name", ""), choice.get("name", ""))
    size = choice.get("args", {}).get("batch_size")
    return f"{name} of {size}" if size else name


def _optimizer(choice: dict[str, Any]) -> str:
    name = choice.get("name", "").removesuffix("Optimizer")
    conservatism = choice.get("args", {}).get("conservatism")
    return f"{name} {conservatism}" if conservatism is not None else name


def _judged(config: dict[str, Any]) -> str:
    """By what the run learns; a counterfactual one may be judged otherwise after its first iteration."""
    said, later = _loss(config.get("loss", {})), config.get("later")
    return f"{said}; after iteration {later['after'] + 1}: {_loss(later['loss'])}" if later else said


def _loss(choice: dict[str, Any]) -> str:
    name: str = choice.get("name", "")
    verifier = choice.get("args", {}).get("verifier")
    check = verifier.get("name") if isinstance(verifier, dict) else verifier
    if name == "VerifierLoss" and check:
        return f"a check: {check.replace('_', ' ')}"
    return LOSSES.get(name, name)


def _held_out(config: dict[str, Any]) -> str:
    """The judge that was chosen, else the models that are asked what people are asked."""
    loss = Choice.model_validate(config.get("loss", {"name": ""}))
    return _loss(config.get("judge") or loss.by_models().model_dump())


THEN = {
    "go_on": "go on without",
    "model": "ask a model",
    "extend": "extend it",
    "stop": "stop the run",
}


def _deadline(people: dict[str, Any]) -> str:
    minutes = people.get("deadline_minutes")
    return (
        f"{span_in_words(minutes)}, then {THEN[people['on_deadline']]}" if minutes else "as long as it takes"
    )


def _to_people(loss: dict[str, Any], people: dict[str, Any]) -> str:
    if not Choice.model_validate({"name": "", **loss}).asks_people:
        return "none"
    each = people.get("per_iteration")
    return "every output" if each is None else f"{each} an iteration"
