"""A fork of a policy's run begins with the weights of its parent's iteration, shares them, and changes nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from optimization.accounts.permissions import PERMISSIONS
from optimization.accounts.tokens import token_create
from optimization.models import Checkpoint, PolicyStep, Role, RolloutGroup, Run, RunState, Score, Workspace
from optimization.runs.policy.selectors import compared
from optimization.runs.policy.work import checkpoints_prune
from optimization.runs.services import LaunchError, run_fork
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
Play = Callable[[Run], Run]


def weights(run: Run, key: str = "step-3") -> bytes:
    return (Path(Checkpoint.objects.get(run=run, key=key).path) / "model.safetensors").read_bytes()


def rows(run: Run) -> list[Any]:
    models = (Checkpoint, PolicyStep, RolloutGroup, Score)
    return [list(model.objects.filter(run=run).order_by("pk").values()) for model in models]


@pytest.mark.parametrize("iteration", [0, 1, 2])
def test_from_every_iteration_it_comes_to_the_same_weights_and_its_parent_stays_as_it_is(
    iteration: int, launch: Launch, play: Play, operator: User
) -> None:
    parent = play(launch(iterations=3))
    before = rows(parent)

    fork = play(run_fork(run=parent, user=operator, iteration=iteration))

    assert (fork.state, fork.kind, fork.iteration) == (RunState.FINISHED, "policy", 3)
    assert (fork.parent_id, fork.forked_at) == (parent.pk, iteration)
    assert weights(fork) == weights(parent)
    assert PolicyStep.objects.filter(run=fork).count() == 3 - iteration
    assert rows(parent) == before


def test_it_copies_nothing_and_begins_on_the_curve_where_its_parent_stood(
    launch: Launch, play: Play, operator: User, policy_folder: Path
) -> None:
    parent = play(launch(iterations=2))

    fork = run_fork(run=parent, user=operator, iteration=2, iterations=4)

    shared = Checkpoint.objects.get(run=fork)
    assert shared.path == Checkpoint.objects.get(run=parent, key="step-2").path
    assert not (policy_folder / f"run-{fork.pk}").exists()
    assert not RolloutGroup.objects.filter(run=fork).exists()
    of_the_parent = Score.objects.get(run=parent, position=2)
    assert Score.objects.get(run=fork).mean == of_the_parent.mean
    play(fork)
    pairs = compared(fork, "step-2", "step-4")
    assert [pair.a is not None and pair.b is not None for pair in pairs] == [True, True]


def test_what_was_sampled_ahead_is_sampled_anew_and_no_prompt_is_left_out(
    launch: Launch, play: Play, operator: User
) -> None:
    def prompts(run: Run) -> list[int]:
        order = ("effect__iteration", "effect__ordinal", "index")
        return list(
            RolloutGroup.objects.filter(run=run, split="train")
            .order_by(*order)
            .values_list("example", flat=True)
        )

    arguments = {"max_staleness": 1, "eval_frequency": 0}
    parent = play(launch(iterations=3, args=arguments))
    before = rows(parent)

    fork = play(run_fork(run=parent, user=operator, iteration=2))

    # The batch of the third step is its parent's second one ahead: the same prompts, by newer weights.
    assert prompts(fork)[:3] == prompts(parent)[6:9]
    assert PolicyStep.objects.get(run=fork).staleness == 0
    assert rows(parent) == before


def test_a_folder_that_both_have_goes_with_the_last_of_them(
    launch: Launch, play: Play, operator: User
) -> None:
    parent = play(launch(iterations=1, checkpoints_kept=2, args={"eval_frequency": 0}))
    fork = run_fork(run=parent, user=operator, iteration=1, iterations=4)
    longer = run_fork(run=parent, user=operator, iteration=1, iterations=4)
    folder = Path(Checkpoint.objects.get(run=parent).path)

    play(fork)
    checkpoints_prune(fork)
    assert Checkpoint.objects.get(run=fork, key="step-1").removed_at is not None
    assert folder.is_dir()
    Checkpoint.objects.filter(run=parent).update(removed_at="2026-01-01T00:00:00Z")
    play(longer)
    checkpoints_prune(longer)
    assert not folder.exists()


def test_weights_that_were_removed_cannot_be_forked_from_and_the_words_say_which_can(
    launch: Launch, play: Play, operator: User
) -> None:
    parent = play(launch(iterations=5, checkpoints_kept=2, args={"eval_frequency": 0}))
    kept = Checkpoint.objects.filter(run=parent, removed_at=None).order_by("step")
    words = ", ".join(str(each.step) for each in kept)

    with pytest.raises(LaunchError, match=f"after step 1 were removed.*or after step {words}") as refused:
        run_fork(run=parent, user=operator, iteration=1)

    assert [pointer for pointer, _ in refused.value.errors] == ["/iteration"]
    assert Run.objects.count() == 1


def test_an_iteration_that_has_not_been_and_policies_switched_off_are_said_in_words(
    launch: Launch, operator: User, settings: Settings
) -> None:
    run = launch()
    with pytest.raises(LaunchError, match="has no iteration 8 to begin from"):
        run_fork(run=run, user=operator, iteration=7)
    settings.POLICIES = "off"
    with pytest.raises(LaunchError, match="HANDGRAD_POLICIES"):
        run_fork(run=run, user=operator, iteration=0)


def test_it_is_forked_over_rest_too(launch: Launch, play: Play, team: Workspace, operator: User) -> None:
    parent = play(launch(iterations=1))
    script = Caller(
        token_create(workspace=team, user=operator, name="s", scopes=PERMISSIONS[Role.OPERATOR])[1]
    )

    answer = script.post(f"/runs/{parent.pk}/fork", {"iteration": 1, "iterations": 2})

    assert answer.status_code == 202, answer.content
    fork = play(Run.objects.get(pk=answer.json()["id"]))
    assert (answer.json()["kind"], fork.state, fork.iteration) == ("policy", "finished", 2)
