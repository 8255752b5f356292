"""PPO for language policies, without a critic: advantages are reward-to-go. Schulman et al. 2017; theseus' PPOTrainer."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from optimization.policy.batches import Batch
from optimization.policy.checkpoints import Counters, read_checkpoint, write_checkpoint
from optimization.policy.components import Component, Schedule, by_component
from optimization.policy.config import PPOConfig, Sampling
from optimization.policy.devices import choose_device
from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import Between, Learner
from optimization.policy.lora import add_lora, without_lora
from optimization.policy.measures import Metrics, TokenMeasures, length_measures, reward_measures
from optimization.policy.objectives import ppo_loss, reward_to_go
from optimization.policy.ranks import ALONE, Ranks, shard
from optimization.policy.rewards import Rewards, gather_rewards
from optimization.policy.rolling import roll_out
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import Tokenizer


class PPOTrainer:
    """Rolls out a policy on its components' prompts, has the rollouts scored, and takes a step on them.

    The policy at the start is kept as the reference of the KL penalty: a frozen copy, or with LoRA the model without
    its adapters. A subclass changes the advantages by `_advantages_from_rewards`, the rewards by
    `reward_postprocess`, the loss by `forward`.
    """

    Config: ClassVar[type[PPOConfig]] = PPOConfig

    def __init__(
        self,
        policy: LanguageModel,
        tokenizer: Tokenizer,
        components: Sequence[Component],
        config: PPOConfig | None = None,
        *,
        device: str = "auto",
        between: Between = lambda task, done, total: None,
        ranks: Ranks = ALONE,
    ) -> None:
        if config is not None and not isinstance(config, self.Config):
            raise TypeError(
                f"{type(self).__name__} takes a {self.Config.__name__}, not a {type(config).__name__}: make one with the "
                "same arguments."
            )
        self.config = config or self.Config()
        self.tokenizer, self.between = tokenizer, between
        self.components = tuple(components)
        self.names = tuple(component.name for component in components)
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"Every component needs a name of its own; these are {', '.join(self.names)}.")
        self.device = choose_device(device)
        self.policy = policy.to(self.device).eval()
        if self.config.lora is not None and self.policy.lora is None:
            add_lora(self.policy, self.config.lora, self.config.seed)
        self.reference = self.policy
        if self.config.beta > 0 and self.policy.lora is None:
            self.reference = copy.deepcopy(self.policy).requires_grad_(False)
            if ranks.count > 1:
                shard(self.reference, self.device)
        self.learner = Learner(
            self.policy,
            learning_rate=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            max_grad_norm=self.config.max_grad_norm,
            micro_batch_size=self.config.micro_batch_size,
            precision=self.config.precision,
            between=between,
            ranks=ranks,
        )
        self.steps = 0

    # -- hooks -----------------------------------------------------------------------------------------------

    def reward_postprocess(self, scores: Any) -> Any:
        """Scale, clip or otherwise change the (rollouts, components) matrix of scores, a numpy array; keep its shape.

        Columns are in the order of the components; a row fills its own component's column, the others are 0.
        """
        return scores

    def _advantages_from_rewards(self, rewards: Tensor, mask: Tensor) -> Tensor:
        """(N,) rewards and the (N, T) mask of sampled tokens to (N, T) advantages. A row without a score has no mask."""
        return reward_to_go(rewards, mask, self.config.discount)

    def forward(self, batch: Batch, new: Tensor | None = None) -> Tensor:
        """The loss: the clipped surrogate + beta times the KL divergence from the reference.

        `new` are the policy's log-probabilities of the batch, computed here where they are not given.
        """
        if new is None:
            new, _ = self.learner.log_probs(batch)
        old = torch.where(batch.old_log_probs.isnan(), new.detach(), batch.old_log_probs)
        return ppo_loss(
            new,
            old,
            batch.advantages,
            batch.mask,
            ref=batch.ref_log_probs,
            beta=self.config.beta,
            epsilon=self.config.epsilon,
            epsilon_high=self.config.epsilon_high,
        )

    # -- rollouts and rewards --------------------------------------------------------------------------------

    def batch(self, slice: str = "train") -> Batch:
        """Roll the policy out on the step's prompts, have every rollout scored, and make of them what a step needs."""
        rollouts = self.roll_out(slice)
        return self.assemble(rollouts, self.score(rollouts))

    def roll_out(self, slice: str = "train") -> list[Rollout]:
        """The step's rollouts: `group_size` of each of `prompts_per_step` prompts, those of one prompt side by side."""
        count = self.config.prompts_per_step
        chosen = Schedule(self.components, slice, self.config.seed).take(self.steps * count, count)
        return self._sample(chosen, self.config.sampling, self.config.group_size, f"{slice}/{self.steps}")

    def score(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """Each rollout's score by its component's scorer; None where nobody has scored it yet."""
        scores: list[float | None] = [None] * len(rollouts)
        for number, rows in by_component(self.components, rollouts):
            if rows:
                found = self.components[number].score([rollouts[row] for row in rows])
                for row, score in zip(rows, found, strict=True):
                    scores[row] = score
        return scores

    def assemble(self, rollouts: Sequence[Rollout], scores: Sequence[float | None]) -> Batch:
        """The batch of scored rollouts: rewards, advantages, and log-probabilities of the old and the reference policy.

        A row without a score has no reward and an empty mask: no gradient.
        """
        if (order := tuple(component.name for component in self.components)) != self.names:
            raise ValueError(
                f"The components were {', '.join(self.names)} and are now {', '.join(order)}. The rewards' columns are "
                "in their order: keep it, or make a new trainer."
            )
        batch = Batch.of(rollouts, self.tokenizer.padding)
        rewards = gather_rewards(self.components, rollouts, scores, self.reward_postprocess)
        scored = torch.from_numpy(rewards.scored)
        mask = batch.mask & scored[:, None]
        values = torch.from_numpy(rewards.values).float()
        advantages = self._advantages_from_rewards(values, mask)
        if advantages.shape != mask.shape:
            raise ValueError(
                f"_advantages_from_rewards returned shape {tuple(advantages.shape)}; advantages are one number a "
                f"token, {tuple(mask.shape)}."
            )
        batch = replace(
            batch,
            mask=mask,
            rewards=values,
            scored=scored,
            source=torch.from_numpy(rewards.source),
            advantages=advantages,
        ).to(self.device)
        if self.config.old_log_probs == "recomputed":
            batch = replace(batch, old_log_probs=self.log_prob_step(batch))
        return self._with_reference(batch)

    def evaluate(self, slice: str = "test", *, temperature: float = 0.0) -> Metrics:
        """The mean scores on every prompt of a slice, one completion each, without a step; as `batch` names them."""
        schedule = Schedule(self.components, slice, self.config.seed)
        chosen = schedule.take(0, len(schedule.all))
        sampling = self.config.sampling.model_copy(update={"temperature": temperature})
        rollouts = self._sample(chosen, sampling, 1, f"evaluate/{slice}")
        rewards = gather_rewards(self.components, rollouts, self.score(rollouts), self.reward_postprocess)
        return reward_measures(rewards, self.names) | length_measures(rollouts)

    # -- the step --------------------------------------------------------------------------------------------

    def log_prob_step(self, batch: Batch) -> Tensor:
        """log pi(token | what stands before it) of the policy as it is, (N, T), micro-batch by micro-batch."""
        return self.learner.scan(batch, "log-probabilities")

    def step(self, batch: Batch) -> Metrics:
        """Train on the batch: `epochs` passes of `minibatches` optimizer steps. What there is nothing to learn from,
        rows without a score and groups without variance, costs no pass through the model.
        """
        rows = self._trainable(batch).nonzero()[:, 0]
        tokens, norms = TokenMeasures(self.config.epsilon, self.config.epsilon_high, self.learner.ranks), []

        def loss_of(micro: Batch, new: Tensor, entropy: Tensor) -> Tensor:
            loss = self.forward(micro, new)
            tokens.add(micro, new, entropy, loss)
            return loss

        chosen = batch.select(rows) if len(rows) else batch
        for epoch in range(self.config.epochs if len(rows) else 0):
            order = torch.arange(len(rows))
            if self.config.minibatches > 1:
                order = torch.randperm(len(rows), generator=self._random(f"minibatches/{epoch}"))
            for part in order.chunk(self.config.minibatches):
                # Sorted, so that rows of one prompt lie side by side.
                minibatch = chosen.select(part.sort().values.to(self.device))
                norms.append(self.learner.update(minibatch, loss_of))
        self.steps += 1
        measures = {"optimizer_steps": float(len(norms)), "rollouts_trained": float(len(rows))}
        if norms:
            measures["gradient_norm"] = sum(norms) / len(norms)
        return tokens.means() | measures

    def train(
        self,
        steps: int,
        *,
        checkpoints: Path | None = None,
        checkpoint_every: int = 1,
        on_step: Callable[[int, Metrics], None] = lambda step, metrics: None,
    ) -> list[Metrics]:
        """Roll out and take steps until `steps` have been taken, those of an earlier, restored run included.

        With `checkpoints`, a folder, the trainer is saved there every `checkpoint_every` steps and at the end, as
        its `latest`.
        """
        history = []
        while self.steps < steps:
            started = time.perf_counter()
            rollouts = self.roll_out()
            batch = self.assemble(rollouts, self.score(rollouts))
            sampled = time.perf_counter()
            metrics = self.measure(batch) | length_measures(rollouts) | self.step(batch)
            metrics |= _speed(rollouts, started, sampled)
            history.append(metrics)
            if checkpoints and (self.steps % checkpoint_every == 0 or self.steps == steps):
                self.save(checkpoints / "latest")
            on_step(self.steps, metrics)
        return history

    def measure(self, batch: Batch) -> Metrics:
        """What the batch itself says, before it is trained on."""
        rewards = Rewards(*(part.cpu().numpy() for part in (batch.rewards, batch.scored, batch.source)))
        return reward_measures(rewards, self.names)

    # -- checkpoints -----------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the policy, the optimizer's state, torch's random state and the counters, atomically."""
        counters = Counters(steps=self.steps, components=self.names, trainer=type(self).__name__)
        write_checkpoint(folder, self.learner, self.tokenizer, counters)

    def restore(self, folder: Path) -> None:
        """Go on from a checkpoint. The reference stays the policy that this trainer was made with.

        Raises CheckpointError for one that is damaged, of another architecture, or of other components.
        """
        self.steps = read_checkpoint(folder, self.learner, self.names).steps

    # -- inside ----------------------------------------------------------------------------------------------

    def _sample(
        self, chosen: Sequence[tuple[int, Prompt]], sampling: Sampling, copies: int, purpose: str
    ) -> list[Rollout]:
        return roll_out(
            self.policy,
            self.tokenizer,
            [prompt for _, prompt in chosen],
            sampling,
            seed=self._seed(purpose),
            sources=[self.names[number] for number, _ in chosen],
            copies=copies,
            rows_at_once=self.config.rollout_batch_size,
            precision=self.config.precision,
            checkpoint=f"step {self.steps}",
            between=self.between,
        )

    def _trainable(self, batch: Batch) -> Tensor:
        """bool (N,): the rows that a step is to learn from."""
        return batch.mask.any(1)

    def _with_reference(self, batch: Batch) -> Batch:
        if self.config.beta == 0:
            return batch
        rows = self._trainable(batch).nonzero()[:, 0]
        log_probs = torch.zeros_like(batch.advantages)
        if len(rows):
            with without_lora(self.policy) if self.reference is self.policy else nullcontext():
                some = self.learner.scan(batch.select(rows), "reference's log-probabilities", self.reference)
            log_probs[rows, : some.shape[1]] = some
        return replace(batch, ref_log_probs=log_probs)

    def _seed(self, purpose: str) -> int:
        """Every draw has a seed of its own, made of the run's, the step and its purpose: nothing to be carried along."""
        digest = hashlib.sha256(f"{self.config.seed}/{purpose}/{self.steps}".encode()).digest()
        return int.from_bytes(digest[:7])

    def _random(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed(purpose))


def _speed(rollouts: Sequence[Rollout], started: float, sampled: float) -> Metrics:
    now = time.perf_counter()
    return {
        "seconds": now - started,
        "seconds/rollouts": sampled - started,
        "tokens_per_second": sum(len(rollout.tokens) for rollout in rollouts) / (now - started),
    }
