"""PPOTrainer: rewards go to the rollouts that earned them, gradients to the tokens that were sampled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from optimization.policy.batches import Batch
from optimization.policy.components import Component, Scores
from optimization.policy.errors import Cancelled, NotFinite
from optimization.policy.ppo import PPOTrainer
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy import references
from tests.policy.builders import component, ppo, rollout, tiny


def two_components(first: Scores, second: Scores) -> list[Component]:
    """Two components of one prompt each; the scores are those of their rollouts, in order."""
    return [
        Component(
            name, {"train": [Prompt(text=name)]}, lambda rollouts, scores=scores: scores[: len(rollouts)]
        )
        for name, scores in (("a", first), ("b", second))
    ]


def changed(before: dict[str, torch.Tensor], trainer: PPOTrainer) -> bool:
    return any(not torch.equal(before[name], weight) for name, weight in trainer.policy.state_dict().items())


def weights(trainer: PPOTrainer) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in trainer.policy.state_dict().items()}


# -- rewards ---------------------------------------------------------------------------------------------------


def test_a_rollout_gets_the_score_of_its_own_component_and_never_a_sum() -> None:
    seen: list[Any] = []

    class Watching(PPOTrainer):
        def reward_postprocess(self, scores: Any) -> Any:
            seen.append(scores.copy())
            scores[:, 0] *= 10
            return scores + 100 * (scores == 0)

    trainer = ppo()
    rollouts = [rollout(source="b"), rollout(source="a"), rollout(source="b")]
    watching = Watching(tiny(), ByteTokenizer(), two_components([], []), trainer.config, device="cpu")

    batch = watching.assemble(rollouts, [3.0, 2.0, 5.0])

    assert seen[0].tolist() == [[0, 3], [2, 0], [0, 5]]
    assert batch.rewards.tolist() == [3, 20, 5]


def test_a_postprocess_that_changes_the_shape_is_refused() -> None:
    class Summing(PPOTrainer):
        def reward_postprocess(self, scores: Any) -> Any:
            return scores.sum(1)

    trainer = Summing(tiny(), ByteTokenizer(), two_components([], []), device="cpu")

    with pytest.raises(
        ValueError, match=r"scores of shape \(1, 2\) .* returned \(1,\); it must keep the shape"
    ):
        trainer.assemble([rollout(source="a")], [1.0])


def test_a_genuine_reward_of_0_counts_in_the_mean_of_its_component() -> None:
    """The mean over what is not 0, which tells padding from rewards by their value, would say 1."""
    trainer = ppo(components=two_components([], []))
    rollouts = [rollout(source=name) for name in "aabb"]

    metrics = trainer.measure(trainer.assemble(rollouts, [0.0, 1.0, 0.0, None]))

    assert metrics["reward/a"] == 0.5
    assert metrics["reward/b"] == 0.0
    assert metrics["reward"] == pytest.approx(1 / 3)
    assert (metrics["rollouts"], metrics["rollouts_scored"]) == (4, 3)


def test_a_row_that_nobody_has_scored_yet_has_no_reward_and_no_gradient() -> None:
    """Trained as a 0, it would change the weights by its KL penalty alone."""
    with_it, without_it = ppo(beta=0.5), ppo(beta=0.5)
    stir(with_it), stir(without_it)

    metrics = with_it.step(with_it.assemble([rollout((1, 2)), rollout((3, 4, 5))], [1.0, None]))
    without_it.step(without_it.assemble([rollout((1, 2))], [1.0]))

    assert metrics["rollouts_trained"] == 1
    for one, other in zip(with_it.policy.parameters(), without_it.policy.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def stir(trainer: PPOTrainer) -> None:
    """Move the policy away from its reference."""
    with torch.no_grad():
        for weight in trainer.policy.parameters():
            weight *= 1.1


def test_when_nobody_has_scored_anything_the_step_counts_and_nothing_changes() -> None:
    trainer = ppo()
    before = weights(trainer)

    metrics = trainer.step(trainer.assemble([rollout()], [None]))

    assert (trainer.steps, metrics["rollouts_trained"], metrics["optimizer_steps"]) == (1, 0, 0)
    assert not changed(before, trainer)


def test_a_scorer_may_be_a_coroutine_function() -> None:
    async def judge(rollouts: Sequence[Rollout]) -> Scores:
        await asyncio.sleep(0)
        return [0.5] * len(rollouts)

    assert ppo(components=[component(scorer=judge)]).batch().rewards.tolist() == [0.5] * 4


async def test_a_coroutine_function_is_awaited_in_a_notebook_too() -> None:
    async def judge(rollouts: Sequence[Rollout]) -> Scores:
        return [0.5] * len(rollouts)

    assert ppo(components=[component(scorer=judge)]).batch().rewards.tolist() == [0.5] * 4


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused_with_its_component(score: float) -> None:
    with pytest.raises(NotFinite, match=r"scorer of 'even' gave (nan|inf) for .* nothing was trained"):
        ppo(components=[component(scorer=lambda rollouts: [score] * len(rollouts))]).batch()


def test_a_scorer_gives_one_score_a_rollout() -> None:
    with pytest.raises(ValueError, match="'even' gave 1 scores for 4 rollouts"):
        ppo(components=[component(scorer=lambda rollouts: [1.0])]).batch()


# -- rollouts --------------------------------------------------------------------------------------------------


def test_without_prompts_there_are_no_rollouts_and_that_is_said() -> None:
    with pytest.raises(
        ValueError, match="no rollouts to make: no component has a prompt in the slice 'validate'"
    ):
        ppo().batch("validate")
    with pytest.raises(ValueError, match="There are no rollouts"):
        ppo().assemble([], [])


def test_every_prompt_comes_once_in_a_pass_and_each_pass_has_its_order() -> None:
    trainer = ppo(prompts_per_step=3)
    asked = []
    for _ in range(8):
        asked += [each.prompt.text for each in trainer.roll_out() if each.prompt]
        trainer.steps += 1

    passes = [asked[start : start + 4] for start in range(0, 24, 4)]
    assert all(sorted(map(str, each)) == sorted(map(str, passes[0])) for each in passes)
    assert len({tuple(each) for each in passes}) > 1


def test_components_whose_order_drifted_are_refused() -> None:
    trainer = ppo(components=two_components([], []))
    trainer.components = trainer.components[::-1]

    with pytest.raises(ValueError, match="components were a, b and are now b, a"):
        trainer.assemble([rollout(source="a")], [1.0])


def test_two_components_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="a name of its own; these are even, even"):
        ppo(components=[component(), component()])


def test_a_rollout_of_no_component_is_refused() -> None:
    with pytest.raises(ValueError, match="rollouts of 'elsewhere', and the trainer's components are 'even'"):
        ppo().assemble([rollout(source="elsewhere")], [1.0])


def test_a_rollout_at_temperature_0_is_refused() -> None:
    with pytest.raises(ValueError, match="sampled at temperature 0"):
        ppo().assemble([rollout(temperature=0.0)], [1.0])


# -- advantages and loss ---------------------------------------------------------------------------------------


def test_the_reward_is_spread_by_reward_to_go_over_the_sampled_tokens() -> None:
    trainer = ppo(discount=0.5)
    rows = [rollout((1, 2, 3)), rollout((4, 5, 6), mask=(True, False, True))]

    batch = trainer.assemble(rows, [8.0, 4.0])

    assert batch.advantages.tolist() == [[2, 4, 8], [2, 0, 4]]


def test_advantages_of_another_shape_are_refused() -> None:
    class PerRow(PPOTrainer):
        def _advantages_from_rewards(self, rewards: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return rewards

    with pytest.raises(
        ValueError, match=r"returned shape \(1,\); advantages are one number a token, \(1, 3\)"
    ):
        PerRow(tiny(), ByteTokenizer(), [component()], device="cpu").assemble([rollout()], [1.0])


def test_the_loss_is_the_clipped_surrogate_and_the_divergence_from_the_policy_at_the_start() -> None:
    trainer = ppo(beta=0.3, epsilon=0.1, epsilon_high=0.2)
    batch = trainer.assemble(trainer.roll_out(), [1.0, -1.0, 0.5, 2.0])
    started = tiny().log_probs(batch.sequences, batch.mask)[0]
    stir(trainer)

    loss = trainer.forward(batch)

    new = trainer.policy.log_probs(batch.sequences, batch.mask)[0]
    new_, old_, ref_, advantages, mask = (
        x.detach().double().numpy() for x in (new, batch.old_log_probs, started, batch.advantages, batch.mask)
    )
    expected = references.clipped_surrogate(new_, old_, advantages, mask, 0.1, 0.2)
    expected += 0.3 * references.masked_mean(references.kl_k3(new_, ref_), mask)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_the_reference_stays_what_the_policy_was_at_the_start() -> None:
    trainer = ppo(beta=0.5, learning_rate=1e-2)
    started = weights(trainer)
    trainer.train(2)

    reference = trainer.reference.state_dict()
    assert changed(started, trainer)
    assert all(torch.equal(started[name], reference[name]) for name in started)


def test_old_log_probabilities_are_those_of_the_policy_that_sampled() -> None:
    """Computed after the first of several steps, they would make every ratio 1 and clip nothing."""
    trainer = ppo(learning_rate=1e-2)
    batch = trainer.batch()
    noted = batch.old_log_probs.clone()
    torch.testing.assert_close(noted, trainer.log_prob_step(batch), atol=1e-4, rtol=1e-4)

    trainer.step(batch)

    assert torch.equal(batch.old_log_probs, noted)
    assert not torch.allclose(trainer.log_prob_step(batch), noted, atol=1e-3)


def test_old_log_probabilities_stay_those_that_were_sampled_with_when_the_policy_has_moved_on() -> None:
    """Those of the policy as it is would make every ratio 1, however old the rollouts are."""
    trainer = ppo()
    rollouts = trainer.roll_out()
    stir(trainer)

    batch = trainer.assemble(rollouts, [1.0] * len(rollouts))

    noted = torch.tensor([p for each in rollouts for p in each.log_probs])
    torch.testing.assert_close(batch.old_log_probs[batch.mask], noted)
    assert not torch.allclose(trainer.log_prob_step(batch)[batch.mask], noted, atol=1e-2)


def test_ratios_of_a_nucleus_are_1_before_the_first_step() -> None:
    """Over all tokens instead of those that could have been drawn, every ratio would be off from the start."""
    sampling = {"temperature": 0.7, "top_p": 0.6, "max_tokens": 6}
    trainer = ppo(sampling=sampling)

    metrics = trainer.step(trainer.batch())

    assert metrics["ratio"] == pytest.approx(1.0, abs=1e-4)
    assert metrics["clip_fraction"] == 0
    batch = ppo(sampling=sampling).batch()
    everything = trainer.policy.log_probs(batch.sequences, batch.mask)[0]
    assert not torch.allclose(everything[batch.mask], batch.old_log_probs[batch.mask], atol=0.05)


def test_log_probabilities_may_be_computed_again_before_the_update() -> None:
    trainer = ppo(old_log_probs="recomputed")
    rows = [rollout((1, 2, 3), log_prob=-0.01)]

    batch = trainer.assemble(rows, [1.0])

    torch.testing.assert_close(batch.old_log_probs, trainer.log_prob_step(batch))


def test_what_follows_the_end_token_is_not_trained() -> None:
    """Rows are padded to the longest; padding that is trained would pull at the padding's embedding."""
    trainer = ppo(beta=0.0)
    batch = trainer.assemble([rollout((1, ByteTokenizer.END)), rollout((3, 4, 5, 6))], [1.0, 1.0])

    assert batch.mask.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.sequences.tokens[0, 2:].eq(ByteTokenizer.padding).all()
    poisoned = replace(batch, old_log_probs=batch.old_log_probs.masked_fill(~batch.mask, torch.nan))
    assert trainer.forward(poisoned) == trainer.forward(batch)


def test_the_end_token_itself_is_trained() -> None:
    made = next(
        each for each in ppo(sampling={"max_tokens": 40, "temperature": 3.0}).roll_out() if each.finished
    )

    assert made.tokens[-1] == ByteTokenizer.END
    assert len(made.log_probs) == len(made.tokens)
    assert "\N{REPLACEMENT CHARACTER}" not in ByteTokenizer().decode([*b"ok", ByteTokenizer.END])


# -- the step --------------------------------------------------------------------------------------------------


def gradient(trainer: PPOTrainer, batch: Batch) -> list[torch.Tensor]:
    """What a step of plain descent at a rate of 1 takes away."""
    trainer.learner.optimizer = torch.optim.SGD(trainer.policy.parameters(), lr=1.0)  # type: ignore[assignment]
    before = [weight.clone() for weight in trainer.policy.parameters()]
    trainer.step(batch)
    return [(old - new).detach() for old, new in zip(before, trainer.policy.parameters(), strict=True)]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_micro_batches_add_up_to_the_gradient_of_the_whole(size: int) -> None:
    """A mean of the micro-batches' means would weigh the tokens of short rollouts more."""
    rows = [rollout((1,)), rollout((2, 3, 4, 5, 6)), rollout((7, 8), prompt=(1, 2, 3))]
    scores = [1.0, -1.0, 0.5]
    whole, cut = (ppo(beta=0.1, max_grad_norm=1e9, micro_batch_size=each) for each in (64, size))

    expected = gradient(whole, whole.assemble(rows, scores))
    found = gradient(cut, cut.assemble(rows, scores))

    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)


def test_a_long_gradient_is_shortened() -> None:
    trainer = ppo(max_grad_norm=1e-3)

    moved = gradient(trainer, trainer.assemble([rollout()], [100.0]))

    assert torch.cat([each.flatten() for each in moved]).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_several_epochs_and_minibatches_are_as_many_optimizer_steps() -> None:
    metrics = ppo(epochs=3, minibatches=2).train(1)[0]

    assert metrics["optimizer_steps"] == 6
    assert metrics["tokens_trained"] == 3 * 4 * metrics["length"]


def test_after_a_few_epochs_ratios_are_clipped_and_counted() -> None:
    trainer = ppo(epochs=8, learning_rate=1e-2, epsilon=0.05)

    metrics = trainer.step(trainer.assemble(trainer.roll_out(), [1.0, -1.0, 1.0, -1.0]))

    assert 0 < metrics["clip_fraction"] < 1
    assert metrics["kl_to_sampler"] > 0


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_a_loss_that_is_no_number_changes_nothing(broken: float) -> None:
    class Broken(PPOTrainer):
        def forward(self, batch: Batch, new: torch.Tensor | None = None) -> torch.Tensor:
            return super().forward(batch, new) * broken

    trainer = Broken(tiny(), ByteTokenizer(), [component()], device="cpu")
    before = weights(trainer)

    with pytest.raises(NotFinite, match=r"The loss is .*; nothing was applied"):
        trainer.step(trainer.assemble([rollout()], [1.0]))
    assert not changed(before, trainer)
    assert trainer.steps == 0


def test_a_step_is_stopped_between_two_micro_batches_and_nothing_is_applied() -> None:
    def between(task: str, done: int, total: int) -> None:
        if (task, done) == ("training", 1):
            raise Cancelled("stopped")

    trainer = ppo(micro_batch_size=1)
    batch = trainer.batch()
    before = weights(trainer)
    trainer.learner.between = between

    with pytest.raises(Cancelled):
        trainer.step(batch)
    assert not changed(before, trainer)


def test_every_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"There is no device cuda:7: this machine has \d+ GPUs"):
        PPOTrainer(tiny(), ByteTokenizer(), [component()], device="cuda:7")


def test_a_seed_reproduces_the_weights() -> None:
    one, two, other = (ppo(seed=seed, learning_rate=1e-3) for seed in (1, 1, 2))
    for trainer in (one, two, other):
        trainer.train(2)

    assert not changed(weights(one), two)
    assert changed(weights(one), other)


def test_the_policy_learns() -> None:
    trainer = ppo(learning_rate=1e-2, prompts_per_step=16, beta=0.0)

    history = trainer.train(25)

    assert history[-1]["reward"] > history[0]["reward"] + 0.15


def test_numbers_of_a_batch_are_plain_arrays_for_the_hook() -> None:
    seen: list[type] = []

    class Typed(PPOTrainer):
        def reward_postprocess(self, scores: Any) -> Any:
            seen.append(type(scores))
            return np.clip(scores, 0, 1)

    trainer = Typed(tiny(), ByteTokenizer(), [component()], device="cpu")

    assert trainer.assemble([rollout()], [7.0]).rewards.tolist() == [1.0]
    assert seen == [np.ndarray]
