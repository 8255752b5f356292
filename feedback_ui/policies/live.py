"""The parts of a policy's run that follow it, beside those that every run has."""

from __future__ import annotations

from typing import Any

from feedback_ui.policies.figures import figures_of
from optimization.models import PolicyJob, Run, WorkState
from optimization.runs.policy.selectors import checkpoints_of, iteration_groups, policy_steps

PARTS = ("head", "curve", "figures", "groups", "checkpoints", "side")
STEPS_SHOWN = 500
STEPS_IN_TABLE = 21
GROUPS_SHOWN = 8
CHECKPOINTS_SHOWN = 6


def policy_context(run: Run) -> dict[str, Any]:
    steps = policy_steps(run, last=STEPS_SHOWN)
    latest = steps[-1] if steps else None
    groups = iteration_groups(run, latest.number - 1) if latest else []
    checkpoints = checkpoints_of(run)
    components = [component["name"] for component in run.config["components"]]
    return {
        "steps": steps,
        "last_steps": steps[:-STEPS_IN_TABLE:-1],
        "latest": latest,
        "figures": figures_of(steps, components),
        "groups": groups[:GROUPS_SHOWN],
        "groups_in_all": len(groups),
        "checkpoints": checkpoints[:CHECKPOINTS_SHOWN],
        "checkpoints_in_all": len(checkpoints),
        "job": PolicyJob.objects.filter(item__run=run, item__state=WorkState.LEASED).first(),
    }
