"""The parts of a run's page that follow the run.

1. The page is drawn with every part; each carries the digest of what it shows.
2. On a nudge of the socket, a reconnect, a focus and every 20 s the page asks again and says which digests it has.
3. It is answered with the parts that differ, and with nothing if none does: nothing moves unless something happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from django.template.loader import render_to_string

from feedback_ui.policies import live as policies
from feedback_ui.policies.live import policy_context
from feedback_ui.policies.settings_words import policy_facts, policy_line
from feedback_ui.runs.chart import chart_data, chart_summary, chart_title
from feedback_ui.runs.settings_words import settings_facts, settings_line
from optimization.accounts.permissions import Action, member_may
from optimization.models import Membership, Run, RunKind, RunState
from optimization.runs.replays import last_replay
from optimization.runs.reverts import reverts_waiting
from optimization.runs.selectors import (
    late_answers,
    latest_changes,
    review_waiting,
    run_curve,
    run_iterations,
    run_people,
    run_status,
    run_usage,
)

PARTS = ("head", "curve", "changes", "iterations", "side")
ITERATIONS_SHOWN = 30


@dataclass(frozen=True)
class Part:
    """One part of the page, drawn."""

    name: str
    html: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.html.encode()).hexdigest()[:12]


def run_parts(run: Run, membership: Membership, *, have: Collection[str] = ()) -> list[Part]:
    """The parts that the page does not have as they are now."""
    context = _context(run, membership)
    if run.kind == RunKind.POLICY:
        context |= policy_context(run)
    names, folder = (policies.PARTS, "policies") if run.kind == RunKind.POLICY else (PARTS, "runs")
    parts = [Part(name, render_to_string(f"{folder}/parts/{name}.html", context)) for name in names]
    return [part for part in parts if part.digest not in have]


def _context(run: Run, membership: Membership) -> dict[str, object]:
    curve, is_policy = run_curve(run), run.kind == RunKind.POLICY
    iterations = int(run.config.get("iterations", 0))
    over = run.state in {RunState.FINISHED, RunState.CANCELLED}
    return {
        "run": run,
        "status": run_status(run),
        "review": review_waiting(run),
        "late": late_answers(run),
        "settings_line": policy_line(run) if is_policy else settings_line(run),
        "settings": policy_facts(run) if is_policy else settings_facts(run),
        "curve": curve,
        "chart": chart_data(curve),
        "chart_title": chart_title(curve),
        "chart_summary": chart_summary(curve),
        "changes": latest_changes(run),
        "iterations": run_iterations(run, last=ITERATIONS_SHOWN),
        "iterations_done": run.iteration,
        "iterations_wanted": max(iterations, run.iteration),
        "iteration_now": None if over else min(run.iteration + 1, iterations or run.iteration + 1),
        "used": run_usage(run),
        "people": run_people(run),
        "replayed": last_replay(run),
        "reverts": reverts_waiting(run),
        "may_write": member_may(membership, Action.RUNS_WRITE),
        "may_judge": member_may(membership, Action.FEEDBACK_ANSWER),
        "may_review": member_may(membership, Action.FEEDBACK_REVIEW),
        "may_read_outputs": member_may(membership, Action.OUTPUTS_READ),
        "over": over,
    }
