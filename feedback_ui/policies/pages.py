"""A policy's pages below its run: a step's groups, one group token by token, checkpoints side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.models import Run, RunKind
from optimization.runs.policy.download import checkpoint_sent
from optimization.runs.policy.selectors import (
    Group,
    Sample,
    Token,
    checkpoints_of,
    compared,
    iteration_groups,
    policy_steps,
)

# Bounds between the shades: KL in nats, and how many times likelier (or less likely) the step made a token.
KL_SHADES = (0.01, 0.05, 0.2, 0.8)
RATIO_SHADES = (1.02, 1.1, 1.5)
# Test prompts on which two checkpoints did equally well that are shown where they did so on all.
SHOWN = 20


@dataclass(frozen=True)
class ShadedToken:
    """A token with the classes of its shades and, in words, its figures."""

    text: str
    kl: str
    ratio: str
    title: str


@dataclass(frozen=True)
class ShadedSample:
    sample: Sample
    tokens: list[ShadedToken]


@requires(Action.OUTPUTS_READ)
@require_safe
def step_page(request: WorkspaceRequest, run_id: int, name: int) -> HttpResponse:
    """The groups of rollouts of one step; `name` counts from 1."""
    run = policy_of(request, run_id)
    groups = iteration_groups(run, name - 1)
    if not groups:
        raise Http404(f"“{run.name}” has no rollouts for step {name} yet.")
    step = next((step for step in policy_steps(run) if step.number == name), None)
    context = {
        "run": run,
        "name": name,
        "step": step,
        "groups": groups,
        "many": len({group.component for group in groups}) > 1,
        "earlier": name - 1 if name > 1 else None,
        "later": name + 1 if iteration_groups(run, name) else None,
        "may_write": member_may(request.membership, Action.RUNS_WRITE),
    }
    return render(request, "policies/step.html", context)


@requires(Action.OUTPUTS_READ)
@require_safe
def group_page(request: WorkspaceRequest, run_id: int, name: int, index: int) -> HttpResponse:
    """The completions of one prompt, with rewards, and every token shaded by its KL or its ratio."""
    run = policy_of(request, run_id)
    groups = iteration_groups(run, name - 1)
    group = next((group for group in groups if group.index == index), None)
    if group is None:
        raise Http404(f"“{run.name}” has no group {index + 1} in step {name}.")
    context = {
        "run": run,
        "name": name,
        "group": group,
        "place": index + 1,
        "in_all": len(groups),
        "samples": shaded(group),
        "earlier": index - 1 if index > 0 else None,
        "later": index + 1 if index + 1 < len(groups) else None,
        "is_measured": any(token.ratio is not None for s in group.samples for token in s.tokens),
        # Other trainers take a reward as it is.
        "by_group": run.config["trainer"]["name"] == "GRPOTrainer",
        "has_reference": any(sample.kl is not None for sample in group.samples),
    }
    return render(request, "policies/group.html", context)


@requires(Action.OUTPUTS_READ)
@require_safe
def checkpoints_page(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """All checkpoints; `?a=` and `?b=` put what two of them said on the test prompts side by side."""
    run = policy_of(request, run_id)
    rows = checkpoints_of(run)
    a, b = request.GET.get("a", ""), request.GET.get("b", "")
    may_write = member_may(request.membership, Action.RUNS_WRITE)
    context: dict[str, Any] = {"run": run, "checkpoints": rows, "a": a, "b": b, "may_write": may_write}
    if a and b:
        pairs = compared(run, a, b)
        shown = pairs if "all" in request.GET else [pair for pair in pairs if pair.gain] or pairs[:SHOWN]
        context |= {
            "pairs": shown,
            "unseen": len(pairs) - len(shown),
            "better": sum(pair.gain > 0 for pair in pairs),
            "worse": sum(pair.gain < 0 for pair in pairs),
            "equal": sum(pair.gain == 0 for pair in pairs),
        }
        context["names"] = {row.key: f"step {row.step}" for row in rows} | {"initial": "the start"}
    return render(request, "policies/checkpoints.html", context)


@requires(Action.OUTPUTS_READ)
@require_safe
def checkpoint_download(request: WorkspaceRequest, run_id: int, key: str) -> HttpResponseBase:
    """The weights as a tar."""
    run = policy_of(request, run_id)
    answer = checkpoint_sent(run, key)
    if answer is None:
        raise Http404(f"“{run.name}” has no checkpoint {key} any more: the latest and the best are kept.")
    return answer


def policy_of(request: WorkspaceRequest, run_id: int) -> Run:
    run = run_of(request, run_id)
    if run.kind != RunKind.POLICY:
        raise Http404(f"“{run.name}” improves prompts: it has no rollouts and no checkpoints.")
    return run


def shaded(group: Group) -> list[ShadedSample]:
    return [ShadedSample(sample, [_shaded(token) for token in sample.tokens]) for sample in group.samples]


def _shaded(token: Token) -> ShadedToken:
    if not token.sampled:
        return ShadedToken(token.text or "⏎", "read", "", "read, not sampled")
    told = [f"probability {2.718281828**token.log_prob:.1%}"]
    kl = ratio = 0
    if token.kl is not None:
        told.append(f"KL {token.kl:.3f}")
        kl = sum(token.kl >= bound for bound in KL_SHADES)
    side = ""
    if token.ratio is not None:
        told.append(f"ratio {token.ratio:.3f}")
        size = max(token.ratio, 1 / token.ratio) if token.ratio > 0 else RATIO_SHADES[-1]
        ratio = sum(size >= bound for bound in RATIO_SHADES)
        side = "up" if token.ratio >= 1 else "down"
    return ShadedToken(
        text=token.text or "⏎",
        kl=f"kl-{kl}" if kl else "",
        ratio=f"{side}-{ratio}" if ratio else "",
        title=", ".join(told),
    )
