"""Rewards come from checks, from models and from people; a group is judged in one call, its verdicts matched by id."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.core import ReplyError
from optimization.llm import CompletionRequest
from optimization.losses import VerifierLoss
from optimization.losses.group import LLMGroupLoss
from optimization.losses.module import feedback_value
from optimization.models import Call, PolicyStep, RolloutGroup, Run, RunState, WorkItem, WorkState
from tests.core.scripted import Model
from tests.engine.loop import answer_all
from workers.process import Process

Launch = Callable[..., Run]
Play = Callable[[Run], Run]


def entries(*scores: tuple[str, float]) -> dict[str, Any]:
    return {"verdicts": [{"id": id, "score": score, "explanation": f"{id} is so"} for id, score in scores]}


async def judged(*replies: dict[str, Any]) -> list[float | None]:
    loss = LLMGroupLoss("Short?").bind(Model(list(replies)))
    return [verdict.score for verdict in await loss.together(["a", "b", "c"])]


async def test_verdicts_are_matched_by_id_not_by_place() -> None:
    said = entries(("output_3", 0.3), ("output_1", 0.1), ("output_2", 0.2))

    assert await judged(said) == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    "wrong",
    [
        entries(("output_1", 0.1), ("output_2", 0.2)),
        entries(("output_1", 0.1), ("output_1", 0.9), ("output_2", 0.2)),
        entries(("output_1", 0.1), ("output_2", 0.2), ("output_9", 0.2)),
        entries(("output_1", 0.1), ("output_2", 0.2), ("output_3", 1.5)),
    ],
    ids=["missing", "twice", "unknown", "out of range"],
)
async def test_a_verdict_that_does_not_fit_is_asked_for_once_more_and_never_guessed(
    wrong: dict[str, Any],
) -> None:
    right = entries(("output_1", 0.1), ("output_2", 0.2), ("output_3", 0.3))

    assert await judged(wrong, right) == [0.1, 0.2, 0.3]
    with pytest.raises(ReplyError):
        await judged(wrong, wrong)


def by_place(request: CompletionRequest) -> dict[str, Any]:
    """Scores the outputs by their place, the last first."""
    ids = re.findall(r"<(output_\d+)>", request.messages[-1].content)
    return entries(*[(id, place / len(ids)) for place, id in reversed(list(enumerate(ids)))])


def rewarded_by(name: str, letters: str) -> list[dict[str, Any]]:
    reward = {"name": name, "args": {"criteria": "Is it short?"}}
    return [{"name": "short", "dataset": letters, "prompt": "{text} ", "reward": reward}]


@pytest.mark.django_db(transaction=True)
def test_a_model_judges_each_group_in_one_call_that_is_kept(
    launch: Launch, play: Play, letters: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(by_place)
    monkeypatch.setattr(process.endpoints, "manager", lambda run: model)

    run = play(
        launch(components=rewarded_by("LLMGroupLoss", letters), args={"eval_frequency": 0}, iterations=1)
    )

    assert run.state == RunState.FINISHED
    assert len(model.calls) == Call.objects.filter(run=run).count() == 3
    for group in RolloutGroup.objects.filter(run=run):
        assert group.rewards == [0.0, 0.25, 0.5, 0.75]
        assert group.verdicts[0] == ["output_1 is so"]


@pytest.mark.django_db(transaction=True)
def test_people_rank_a_group_and_the_run_goes_on_when_they_have(
    launch: Launch, play: Play, letters: str, annotator: User
) -> None:
    components = rewarded_by("HumanRankingLoss", letters)
    run = play(launch(components=components, args={"eval_frequency": 0, "group_size": 3}, iterations=1))
    assert WorkItem.objects.filter(run=run, kind="reward", state=WorkState.WAITING).count() == 3

    given = answer_all(run, annotator, lambda question: {"kind": "ranking", "ranks": [2, 1, 3]})
    run = play(run)

    assert given == 3
    assert run.state == RunState.FINISHED
    assert [group.rewards for group in RolloutGroup.objects.filter(run=run)] == [[0.5, 1.0, 0.0]] * 3
    assert PolicyStep.objects.get(run=run).metrics["rollouts_trained"] == 9


@pytest.mark.django_db(transaction=True)
def test_a_group_that_cannot_be_scored_costs_itself_and_has_no_gradient(
    launch: Launch, play: Play, letters: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []

    def sometimes(request: CompletionRequest) -> dict[str, Any]:
        asked = request.messages[1].content
        answered.append(asked)
        return {"verdicts": "none"} if asked == answered[0] else by_place(request)

    model = Model(sometimes)
    monkeypatch.setattr(process.endpoints, "manager", lambda run: model)
    monkeypatch.setattr("optimization.runs.work.carry_out.LONGEST_DELAY", 0.0)
    run = play(
        launch(components=rewarded_by("LLMGroupLoss", letters), args={"eval_frequency": 0}, iterations=1)
    )

    step = PolicyStep.objects.get(run=run)
    assert WorkItem.objects.filter(run=run, kind="reward", state=WorkState.FAILED).count() == 1
    assert step.metrics["rollouts_scored"] == step.metrics["rollouts_trained"] == 8


@pytest.mark.django_db(transaction=True)
def test_a_reward_that_is_no_number_is_said_in_words_and_trains_nothing(
    launch: Launch, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_number(self: VerifierLoss, output: Any, target: Any = None, *, context: Any = None) -> Any:
        return feedback_value([], float("nan"))

    monkeypatch.setattr(VerifierLoss, "forward", no_number)
    monkeypatch.setattr("optimization.runs.work.carry_out.LONGEST_DELAY", 0.0)
    run = play(launch(on_error="stop", args={"eval_frequency": 0}))

    assert run.state == RunState.NEEDS_ATTENTION
    assert "Scoring completions failed" in run.reason
    assert "“vowels” gave nan" in run.reason
    assert not PolicyStep.objects.filter(run=run).exists()
