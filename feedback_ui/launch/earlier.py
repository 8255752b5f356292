"""The form's values as an earlier run had them: launching again."""

from __future__ import annotations

from typing import Any

from feedback_ui.asked import asked_value
from feedback_ui.launch import defaults, judging
from feedback_ui.launch.arguments import remarks_of
from optimization.models import Run


def initial_like(run: Run) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The form's values and the rubric's levels as an earlier run had them."""
    config = run.config
    loss, judge = config["loss"], config.get("judge") or {}
    method = judging.method_of(loss["name"])
    initial = {
        "name": run.name,
        "program": config["program"],
        "dataset": config["dataset"],
        "method": method,
        "judged_by": "people" if loss["name"].startswith("Human") else "model",
        "held_out": _held_out(method, judge),
        **config["people"],
        **_deadline(config["people"].get("deadline_minutes")),
        "asked": asked_value(config["people"]),
        "trainer": config["trainer"]["name"],
        "optimizer": config["optimizer"]["name"],
        **{name: config.get(name) for name in ("iterations", "budget", "seed", "on_error")},
        **config.get("stop", {}),
        **_arguments("loss", loss["args"]),
        **_arguments("trainer", config["trainer"]["args"]),
        **_arguments("optimizer", config["optimizer"]["args"]),
        "loss_require_feedback": remarks_of(loss["args"].get("require_feedback")),
        **_check(loss["args"].get("verifier", {})),
    }
    if "criteria" in judge.get("args", {}):
        initial["criteria"] = judge["args"]["criteria"]
    levels = loss["args"].get("rubric") or judge.get("args", {}).get("rubric") or defaults.LEVELS
    return initial, levels


def _deadline(minutes: int | None) -> dict[str, Any]:
    """In the largest unit that it is a whole number of."""
    if not minutes:
        return {}
    unit = next(unit for unit in (1440, 60, 1) if minutes % unit == 0)
    return {"deadline": minutes // unit, "deadline_unit": str(unit)}


def _arguments(part: str, args: dict[str, Any]) -> dict[str, Any]:
    return {f"{part}_{name}": value for name, value in args.items()}


def _check(verifier: str | dict[str, Any]) -> dict[str, Any]:
    """A check by its name, or by its name with its arguments."""
    named = {"name": verifier} if isinstance(verifier, str) else verifier
    fields = {f"check_{name}": value for name, value in named.items() if name != "name"}
    return fields | ({"loss_verifier": named["name"]} if named else {})


def _held_out(method: str, judge: dict[str, Any]) -> str:
    if not judge:
        return judging.SAME
    if judge["name"].startswith("Human"):
        return judging.SAME_BY_PEOPLE
    return judging.BY_LEVELS if judge["name"] == "LLMRubricLoss" and method != "rubric" else judging.SAME
