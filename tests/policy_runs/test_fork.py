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
from optimization.runs.policy.storage import folder_let_go
from optimization.runs.policy.work import checkpoints_prune
from optimization.runs.replays import run_replay
from optimization.runs.services import LaunchError, run_fork
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
Play = Callable[[Run], Run]
WITHOUT_TESTS = {"eval_frequency": 0}


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


def test_the_weights_that_a_fork_began_with_stay_when_its_parent_lets_go_of_them(
    launch: Launch, play: Play, operator: User
) -> None:
    parent = play(launch(iterations=1, checkpoints_kept=2, args=WITHOUT_TESTS))
    fork = play(run_fork(run=parent, user=operator, iteration=1, iterations=5))
    folder = Path(Checkpoint.objects.get(run=parent).path)

    longer = play(run_fork(run=fork, user=operator, iteration=5, iterations=6))
    Checkpoint.objects.filter(run=parent).update(removed_at="2026-01-01T00:00:00Z")
    checkpoints_prune(parent)
    checkpoints_prune(fork)

    kept = Checkpoint.objects.filter(run=fork, removed_at=None).order_by("step").values_list("key", flat=True)
    assert list(kept) == ["step-1", "step-4", "step-5"]
    assert folder.is_dir()
    assert run_replay(fork).equal
    assert run_replay(longer).equal


def test_a_folder_goes_with_the_last_run_that_has_it(launch: Launch, play: Play, operator: User) -> None:
    parent = play(launch(iterations=3, checkpoints_kept=2, args=WITHOUT_TESTS))
    fork = run_fork(run=parent, user=operator, iteration=3, iterations=4)
    mine, shared = (Path(Checkpoint.objects.get(run=parent, key=key).path) for key in ("step-2", "step-3"))

    for run in (parent, fork):
        Checkpoint.objects.filter(run=run).update(removed_at="2026-01-01T00:00:00Z")
        folder_let_go(str(mine))
        folder_let_go(str(shared))
        assert not mine.exists()
        assert shared.exists() == (run == parent)


def test_weights_that_were_removed_cannot_be_forked_from_and_the_words_say_which_can(
    launch: Launch, play: Play, operator: User
) -> None:
    parent = play(launch(iterations=5, checkpoints_kept=2, args=WITHOUT_TESTS))
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

    (fault,) = script.post(f"/runs/{parent.pk}/fork", {"iteration": 99}).json()["errors"]
    assert (fault["pointer"], "(counted from 0: 99)" in fault["detail"]) == ("#/iteration", True)
    answer = script.post(f"/runs/{parent.pk}/fork", {"iteration": 1, "iterations": 2})

    assert answer.status_code == 202, answer.content
    fork = play(Run.objects.get(pk=answer.json()["id"]))
    assert (answer.json()["kind"], fork.state, fork.iteration) == ("policy", "finished", 2)
