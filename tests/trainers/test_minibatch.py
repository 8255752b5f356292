"""Minibatch and MinibatchAlgorithm: which effects, in which order, and which update is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.trainers import MinibatchAlgorithm, PlanError
from optimization.trainers.batches import epoch_order
from optimization.trainers.effects import Effect, Forward, Outcome, TrainerState
from optimization.trainers.minibatch import Minibatch
from tests.trainers.script import Script


def prepared(sizes: Any, **plan: Any) -> tuple[MinibatchAlgorithm, TrainerState]:
    trainer = MinibatchAlgorithm()
    return trainer, trainer.prepare(sizes, seed=1, **plan)


def test_an_iteration_judges_a_batch_carries_it_back_takes_one_step_and_tests() -> None:
    trainer, state = prepared({"train": 10, "test": 3}, batch_size=4)
    script = Script()
    state = script.run(trainer, state)
    assert script.kinds() == ["evaluate", "forward", "backward", "propose", "commit", "evaluate"]
    start, end = script.of("evaluate")
    assert (start.candidate, start.split, start.guide, start.examples) == (
        "initial",
        "test",
        "test",
        (0, 1, 2),
    )
    assert end.candidate == "c1"
    assert state == TrainerState(seed=1, iteration=1, cursor=4, candidate="c1", score=0.5, test_score=0.5)


def test_the_batchs_feedback_is_made_one_by_minibatch_algorithm_alone() -> None:
    for trainer, aggregate in ((MinibatchAlgorithm(), True), (Minibatch(), False)):
        script = Script()
        script.run(trainer, trainer.prepare({"train": 2}))
        assert [effect.aggregate for effect in script.of("backward")] == [aggregate]


def test_an_epoch_uses_every_example_once_in_a_seeded_order_and_keeps_the_short_last_batch() -> None:
    trainer, state = prepared({"train": 10}, batch_size=4, num_epochs=2)
    batches: list[tuple[int, ...]] = []
    reasons = []
    while (reason := trainer.finished(state)) is None:
        script = Script()
        state = script.run(trainer, state)
        batches.append(script.of("forward")[0].examples)
        reasons.append(reason)
    assert [len(batch) for batch in batches] == [4, 4, 2, 4, 4, 2]
    assert sorted(sum(batches[:3], ())) == list(range(10))
    assert list(sum(batches[:3], ())) == epoch_order(10, 1, 0) != epoch_order(10, 1, 1)
    assert reason == "Finished after 2 epochs."


def test_the_same_seed_gives_the_same_effects_digest_for_digest() -> None:
    def digests(seed: int) -> list[str]:
        trainer = MinibatchAlgorithm()
        script = Script()
        script.run(trainer, trainer.prepare({"train": 50}, seed=seed, batch_size=5))
        return [effect.digest() for effect in script.asked]

    assert digests(3) == digests(3) != digests(4)


def test_tests_come_every_eval_frequency_iterations_and_never_with_0() -> None:
    for frequency, expected in ((2, [0, 2, 4]), (0, [])):
        trainer, state = prepared({"train": 4, "test": 1}, eval_frequency=frequency)
        tested = []
        for i in range(4):
            script = Script()
            state = script.run(trainer, state)
            kinds = script.kinds()
            tested += [i] * (kinds[0] == "evaluate") + [i + 1] * (kinds[-1] == "evaluate")
        assert tested == expected


@pytest.mark.parametrize(
    ("new", "threshold", "accepted"),
    [(0.6, 0.0, True), (0.5, 0.0, False), (0.4, 0.0, False), (0.6, 0.1, False)],
)
def test_an_update_is_accepted_when_new_is_above_current_plus_the_threshold(
    new: float, threshold: float, accepted: bool
) -> None:
    trainer, state = prepared(
        {"train": 4}, batch_size=4, ensure_improvement=True, improvement_threshold=threshold
    )
    script = Script(lambda candidate, example: 0.5 if candidate == "initial" else new)
    state = script.run(trainer, state)
    assert ("commit" in script.kinds()) is accepted
    assert state.candidate == ("c1" if accepted else "initial")
    again = script.of("evaluate")[0]
    assert (again.candidate, again.split, again.guide) == ("c1", "train", "train")
    assert again.examples == script.of("forward")[0].examples


def test_the_batch_is_measured_again_only_if_a_parameter_changed() -> None:
    trainer, state = prepared({"train": 4}, ensure_improvement=True)
    script = Script(changes=False)
    assert script.run(trainer, state).candidate == "initial"
    assert script.kinds() == ["forward", "backward", "propose"]


def test_without_scores_there_is_nothing_to_compare_and_the_error_names_the_way_out() -> None:
    trainer, state = prepared({"train": 4}, ensure_improvement=True)
    with pytest.raises(ValueError, match="Use a loss with scores"):
        Script(lambda candidate, example: None).run(trainer, state)


def test_without_any_feedback_nothing_is_asked_of_the_optimizer() -> None:
    class Silent(Script):
        def _outcomes(self, effect: Any) -> Any:
            return tuple(outcome.model_copy(update={"feedback": []}) for outcome in super()._outcomes(effect))

    trainer, state = prepared({"train": 4})
    script = Silent()
    script.run(trainer, state)
    assert script.kinds() == ["forward"]


class Failing(Script):
    """Every odd example raises."""

    def answer(self, effect: Effect) -> Any:
        if not isinstance(effect, Forward):
            return super().answer(effect)
        outcomes = super().answer(effect)
        return tuple(o if o.example % 2 == 0 else Outcome(example=o.example, error="no") for o in outcomes)


def test_an_example_that_raises_gets_min_score_and_its_error_as_feedback() -> None:
    trainer, state = prepared({"train": 4}, batch_size=4, min_score=0.0)
    script = Failing()
    assert script.run(trainer, state).score == 0.25
    carried = {outcome.example: outcome for outcome in script.of("backward")[0].outcomes}
    assert carried[1].feedback == [["The program raised an error: no"]]
    assert carried[1].score == 0.0


def test_without_min_score_it_is_left_out() -> None:
    trainer, state = prepared({"train": 4}, batch_size=4)
    script = Failing()
    assert script.run(trainer, state).score == 0.5
    assert sorted(outcome.example for outcome in script.of("backward")[0].outcomes) == [0, 2]


@pytest.mark.parametrize(
    ("approval", "candidate"), [("approved", "c1"), ("edited", "edited"), ("rejected", "initial")]
)
def test_a_person_may_approve_edit_or_reject_a_proposal(approval: str, candidate: str) -> None:
    trainer, state = prepared({"train": 4}, approve=True)
    assert Script(approval=approval).run(trainer, state).candidate == candidate


def test_several_samples_of_each_example() -> None:
    trainer, state = prepared({"train": 4, "test": 2}, num_samples=3, num_eval_samples=2)
    script = Script()
    script.run(trainer, state)
    assert script.of("forward")[0].samples == 3
    assert script.of("evaluate")[0].samples == 2


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"batch_size": 0}, "batch_size: Input should be greater than or equal to 1, not 0"),
        ({"batchsize": 2}, "batchsize: no such argument; it takes num_epochs, batch_size"),
        ({"min_score": "low"}, "min_score"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(plan: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match="MinibatchAlgorithm") as caught:
        MinibatchAlgorithm().prepare({"train": 4}, **plan)
    assert words in str(caught.value)
    assert caught.value.errors[0][0] == f"/{next(iter(plan))}"


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        MinibatchAlgorithm().prepare({"test": 4})


def test_without_an_end_of_its_own_an_algorithm_goes_on() -> None:
    trainer, state = prepared({"train": 1}, num_epochs=None)
    assert trainer.finished(state.model_copy(update={"epoch": 1000})) is None
