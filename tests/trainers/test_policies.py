"""The algorithm of a policy's run is a generator of effects: what it asks for follows from the state alone."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.trainers import PlanError
from optimization.trainers.effects import TrainerState
from optimization.trainers.policies import GRPOAlgorithm
from optimization.trainers.policy_effects import (
    EvaluatePolicy,
    Measured,
    Reward,
    Rewarded,
    RolledOut,
    Rollout,
    Train,
    Trained,
)

SIZES: Any = [{"train": 5, "test": 2}, {"train": 3}]


def algorithm(**arguments: Any) -> tuple[GRPOAlgorithm, TrainerState]:
    made = GRPOAlgorithm()
    state = made.prepare(SIZES, seed=1, prompts_per_step=3, group_size=2, **arguments)
    return made, state


def carried_out(made: GRPOAlgorithm, state: TrainerState) -> tuple[list[Any], TrainerState]:
    """One iteration with plain answers: what it asked for, and the state after it."""
    asked: list[Any] = []
    steps = made.iteration(state)
    answer: Any = None
    try:
        while True:
            effects = steps.send(answer)
            several = isinstance(effects, list)
            some = effects if several else [effects]
            answers = []
            for effect in some:
                asked.append(effect)
                answers.append(_answer(effect, f"{state.iteration}.{len(asked)}"))
            answer = answers if several else answers[0]
    except StopIteration as stop:
        return asked, stop.value


def _answer(effect: Any, name: str) -> Any:
    match effect:
        case Rollout():
            return RolledOut(batch=name, step=effect.step)
        case Reward():
            return Rewarded(batch=effect.batch)
        case Train():
            return Trained(checkpoint=f"step-{effect.step + 1}")
        case EvaluatePolicy():
            return Measured(checkpoint=effect.checkpoint, mean=0.5)


def test_the_first_iteration_tests_the_start_then_samples_scores_trains_and_tests() -> None:
    made, state = algorithm()

    asked, after = carried_out(made, state)

    kinds = [effect.kind for effect in asked]
    tested = ["rollout", "reward", "evaluate_policy"]
    assert kinds == [*tested, "rollout", "reward", "train", *tested]
    assert asked[0].split == "test"
    assert (after.candidate, after.iteration, after.cursor, after.test_score) == ("step-1", 1, 3, 0.5)


def test_every_prompt_of_every_component_comes_once_a_pass() -> None:
    made, _ = algorithm()
    everything = sorted(
        (component, example) for component, size in ((0, 5), (1, 3)) for example in range(size)
    )

    assert sorted(made.taken(0, 8)) == sorted(made.taken(8, 8)) == everything
    assert made.taken(0, 8) != made.taken(8, 8)
    assert made.taken(2, 6) == made.taken(0, 8)[2:]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_batch_is_trained_on_later_than_allowed(most: int) -> None:
    made, state = algorithm(max_staleness=most, eval_frequency=0)
    ages = []
    for _ in range(6):
        asked, state = carried_out(made, state)
        ages += [effect.staleness for effect in asked if isinstance(effect, Train)]

    assert ages == [min(iteration, most) for iteration in range(6)]


def test_a_batch_that_became_too_old_is_left_out() -> None:
    made, state = algorithm(max_staleness=1, eval_frequency=0)
    old = RolledOut(batch="0.9", step=0).model_dump()
    state = state.model_copy(update={"iteration": 4, "memory": {"steps": 4, "ahead": [old]}})

    asked, _ = carried_out(made, state)

    assert "0.9" not in [effect.batch for effect in asked if isinstance(effect, Reward)]


def test_the_same_state_asks_for_the_same() -> None:
    made, state = algorithm()

    assert carried_out(made, state) == carried_out(made, state)


def test_an_argument_that_it_does_not_take_is_named() -> None:
    with pytest.raises(PlanError, match="plot_tensors: no such argument"):
        algorithm(plot_tensors=True)


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        GRPOAlgorithm().prepare([{"test": 3}])
