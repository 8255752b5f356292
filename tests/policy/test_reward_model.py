"""A reward model learns what people preferred, and says how far it can be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from optimization.policy.config import RewardModelConfig
from optimization.policy.errors import CheckpointError
from optimization.policy.reward_model import Comparison, RewardModelTrainer, comparisons_of_ranking
from optimization.policy.rollouts import Prompt
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import component, grpo, rollout, tiny


def trainer(**config: object) -> RewardModelTrainer:
    chosen = RewardModelConfig.model_validate({"epochs": 12, "learning_rate": 3e-3, **config})
    return RewardModelTrainer(tiny(), ByteTokenizer(), chosen, device="cpu")


def comparisons(count: int = 40) -> list[Comparison]:
    """People who prefer a polite answer."""
    return [Comparison(Prompt(text=f"q{number}"), "please", "no") for number in range(count)]


def test_it_learns_which_of_two_is_preferred_and_is_measured_on_prompts_it_has_not_seen() -> None:
    model = trainer()
    learned, held_out = model.split(comparisons())

    trust = model.fit(comparisons())

    assert trust.pairs == len(held_out) > 0
    assert not {c.prompt.text for c in learned} & {c.prompt.text for c in held_out}
    assert trust.accuracy == 1.0
    assert trust.loss < 0.4


def test_before_it_has_learned_it_is_no_better_than_chance_and_says_so() -> None:
    trust = trainer().trust(comparisons())

    assert (trust.accuracy, trust.calibration_error) == (0.5, 0.0)
    assert [(each.confidence, each.accuracy, each.pairs) for each in trust.bins] == [(0.5, 0.5, 40)]


def test_a_model_that_is_surer_than_right_has_a_calibration_error() -> None:
    model = trainer(held_out=0.0)
    model.fit(comparisons())

    trust = model.trust([Comparison(Prompt(text=f"q{n}"), "no", "please") for n in range(10)])

    assert trust.accuracy == 0.0
    assert trust.calibration_error > 0.5


def test_a_margin_asks_for_a_greater_difference() -> None:
    pair = [Comparison(Prompt(text="q"), "please", "no")]
    wide = [Comparison(Prompt(text="q"), "please", "no", margin=2.0)]

    assert trainer()._loss(wide) > trainer()._loss(pair)


def test_a_ranking_gives_every_pair_that_it_decides() -> None:
    pairs = comparisons_of_ranking(Prompt(text="q"), ["a", "b", "c"], [1.0, 2.0, 1.0])

    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("b", "a"), ("b", "c")]


def test_the_cases_it_is_least_sure_of_come_first() -> None:
    model = trainer(held_out=0.0)
    model.fit(comparisons())
    prompt = Prompt(text="q1")

    places = model.least_sure(
        [(prompt, "please", "no"), (prompt, "no", "no"), (prompt, "please", "pleas")], 2
    )

    assert places == [1, 2]


def test_it_scores_the_rollouts_of_a_trainer() -> None:
    model = trainer(held_out=0.0)
    model.fit(comparisons())

    scores = model.score([rollout((*b"please", 256), b"q1"), rollout((*b"no", 256), b"q1")])

    assert scores[0] > scores[1]  # type: ignore[operator]
    assert grpo(components=[component(scorer=model.score)]).batch().scored.all()


def test_it_is_saved_and_restored(tmp_path: Path) -> None:
    model, again = trainer(held_out=0.0), trainer()
    model.fit(comparisons())
    model.save(tmp_path / "model")

    again.restore(tmp_path / "model")

    rows = [rollout(tuple(b"please"), b"q1")]
    assert again.score(rows) == model.score(rows)


def test_a_folder_without_a_head_is_no_reward_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(CheckpointError, match="holds no reward model"):
        trainer().restore(tmp_path / "empty")


def test_without_comparisons_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(ValueError, match="no comparisons to learn from"):
        trainer().fit([])


def test_nothing_is_measured_on_nothing_and_no_rollouts_have_no_scores() -> None:
    with pytest.raises(ValueError, match="no comparisons to measure on"):
        trainer().trust([])
    assert trainer().score([]) == []


@pytest.mark.parametrize("scores", [[2.0], [2.0, 1.0, 0.0]])
def test_a_ranking_has_one_score_a_completion(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="2 completions and [13] scores"):
        comparisons_of_ranking(Prompt(text="q"), ["please", "no"], scores)


def test_comparisons_of_one_prompt_leave_nothing_to_measure_on() -> None:
    with pytest.raises(ValueError, match="nothing is left to measure on: bring comparisons of more prompts"):
        trainer(held_out=0.01).fit([comparisons(1)[0]])


def test_a_seed_reproduces() -> None:
    one, two = trainer(), trainer()
    one.fit(comparisons())
    two.fit(comparisons())

    assert torch.equal(one.head.weight, two.head.weight)
