"""What a policy's run did: its steps, its checkpoints, the rollouts of an iteration."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.http import StreamingHttpResponse
from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.names import Id, Number
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.runs.policy.download import checkpoint_sent
from optimization.runs.policy.selectors import (
    checkpoints_of,
    iteration_groups,
    policy_steps,
)

router = Subject("policies")


class StepOut(Schema):
    """`number` counts from 1. `staleness`: how many steps before it the weights stood that sampled its batch."""

    number: int
    metrics: dict[str, float]
    staleness: int
    checkpoint: str = Field(description="Empty where there was nothing to learn from.")
    at: datetime


class StepsOut(Schema):
    items: list[StepOut]


class CheckpointOut(Schema):
    """`reward` is the mean on the test prompts; `kept` is false once the weights were removed. `iteration`, counted from 0,
    begins with these weights: a fork from it does too."""

    key: str
    step: int
    iteration: int
    size: int
    made_at: datetime
    kept: bool
    current: bool
    best: bool
    reward: float | None
    stderr: float | None
    kl: float | None
    entropy: float | None
    length: float | None


class CheckpointsOut(Schema):
    items: list[CheckpointOut]


class TokenOut(Schema):
    """`sampled` is false for what the policy read between two of its turns."""

    text: str
    kl: float | None
    ratio: float | None
    log_prob: float
    sampled: bool


class SampleOut(Schema):
    number: int
    text: str
    reward: float | None
    advantage: float | None
    verdict: list[str]
    finished: bool
    tokens: list[TokenOut]


class GroupOut(Schema):
    """The completions of one prompt, judged against each other."""

    index: int
    component: str
    prompt: str
    target: Any = None
    checkpoint: str
    mean: float | None
    varied: bool
    samples: list[SampleOut]


class GroupsOut(Schema):
    items: list[GroupOut]


class StepsQuery(Schema):
    last: Annotated[int, Field(ge=1, le=10_000)] = 1000


@router.route("GET", "/{run_id}/steps", Action.RUNS_READ, {200: StepsOut}, problems=(404,))
def step_list(request: ApiRequest, run_id: Id, query: Query[StepsQuery]) -> StepsOut:
    """The training steps of a policy's run, in order, with all that each was measured by."""
    run = run_found(request, run_id)
    return StepsOut(items=[StepOut(**asdict(step)) for step in policy_steps(run, last=query.last)])


@router.route("GET", "/{run_id}/checkpoints", Action.RUNS_READ, {200: CheckpointsOut}, problems=(404,))
def checkpoint_list(request: ApiRequest, run_id: Id) -> CheckpointsOut:
    """The checkpoints of a policy's run, the newest first."""
    rows = checkpoints_of(run_found(request, run_id))
    return CheckpointsOut(items=[CheckpointOut(**asdict(row)) for row in rows])


@router.route(
    "GET",
    "/{run_id}/checkpoints/{key}/archive",
    Action.OUTPUTS_READ,
    {200: bytes},
    problems=(404,),
    extra={
        "responses": {
            200: {
                "description": "A tar",
                "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def checkpoint_archive(request: ApiRequest, run_id: Id, key: str) -> StreamingHttpResponse:
    """A checkpoint as a tar: the model, its tokenizer, the optimizer's state."""
    run = run_found(request, run_id)
    answer = checkpoint_sent(run, key)
    if answer is None:
        raise missing("checkpoint", key)
    return answer


@router.route(
    "GET", "/{run_id}/iterations/{number}/rollouts", Action.OUTPUTS_READ, {200: GroupsOut}, problems=(404,)
)
def rollout_list(request: ApiRequest, run_id: Id, number: Number) -> GroupsOut:
    """The groups of rollouts that an iteration, counted from 0, was trained on, token by token."""
    run = run_found(request, run_id)
    return GroupsOut(items=[GroupOut(**asdict(group)) for group in iteration_groups(run, number)])
