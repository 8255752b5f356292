"""BasicSearchAlgorithm: proposals validated side by side, the best kept."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.trainers import BasicSearchAlgorithm
from tests.trainers.script import Script


def run(scores: dict[str, float], sizes: Any = None, **plan: Any) -> tuple[Script, str]:
    trainer = BasicSearchAlgorithm()
    state = trainer.prepare(sizes or {"train": 4, "validate": 3}, batch_size=2, **plan)
    script = Script(lambda candidate, example: scores.get(candidate, 0.5))
    return script, script.run(trainer, state).candidate


def test_it_proposes_several_updates_validates_each_beside_the_current_one_and_keeps_the_best() -> None:
    script, kept = run({"c1": 0.6, "c2": 0.8, "c3": 0.7})
    assert script.kinds() == ["forward", "backward", "propose", *["evaluate"] * 5, "commit"]
    assert script.of("propose")[0].n == 4
    assert [effect.candidate for effect in script.of("evaluate")] == ["initial", "c1", "c2", "c3", "c4"]
    assert {(effect.split, effect.guide, effect.examples) for effect in script.of("evaluate")} == {
        ("validate", "validate", (0, 1, 2))
    }
    assert kept == "c2"


def test_the_validation_set_defaults_to_the_training_set() -> None:
    script, _ = run({}, {"train": 4})
    assert {(effect.split, effect.guide, effect.examples) for effect in script.of("evaluate")} == {
        ("train", "validate", (0, 1, 2, 3))
    }


@pytest.mark.parametrize("scores", [{"c1": 0.5}, {"c1": 0.1, "c2": 0.2}])
def test_the_incumbent_wins_a_tie(scores: dict[str, float]) -> None:
    script, kept = run(scores)
    assert kept == "initial"
    assert "commit" not in script.kinds()


def test_the_first_of_equal_proposals_wins() -> None:
    assert run({"c2": 0.9, "c3": 0.9})[1] == "c2"


def test_the_best_must_beat_the_current_by_the_threshold() -> None:
    assert run({"c1": 0.6}, improvement_threshold=0.2)[1] == "initial"


def test_proposals_that_change_nothing_are_not_validated() -> None:
    trainer = BasicSearchAlgorithm()
    script = Script(changes=False)
    script.run(trainer, trainer.prepare({"train": 2}, num_proposals=2))
    assert script.kinds() == ["forward", "backward", "propose"]
