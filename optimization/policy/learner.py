"""A model and its optimizer at work on batches: scanned for log-probabilities, and trained, by micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from optimization.policy.batches import Batch
from optimization.policy.config import Precision
from optimization.policy.devices import computing, memory_in_words
from optimization.policy.errors import NotFinite
from optimization.policy.language_model import LanguageModel
from optimization.policy.ranks import ALONE, Ranks, shard

# Called between micro-batches and between sampled tokens: (task, done, total). What it raises stops the step.
Between = Callable[[str, int, int], None]
# The loss of a micro-batch, the masked mean over its own tokens, from its log-probabilities and their entropy.
LossOf = Callable[[Batch, Tensor, Tensor], Tensor]


class Learner:
    """Trains `model`. Where there are several `ranks`, each holds a part of the weights and takes a part of the rows.

    `chunk` positions are made into logits at once; by itself as many as fit a bound.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
        micro_batch_size: int = 64,
        precision: Precision = "auto",
        chunk: int | None = None,
        between: Between = lambda task, done, total: None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model, self.ranks = model, ranks
        self.device = next(model.parameters()).device
        if ranks.count > 1:
            shard(model, self.device)
        self.optimizer = new_optimizer(model.parameters(), learning_rate, weight_decay)
        self.max_grad_norm, self.micro_batch_size = max_grad_norm, micro_batch_size
        self.precision, self.chunk, self.between = precision, chunk, between

    def log_probs(self, batch: Batch, model: LanguageModel | None = None) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the batch's tokens and the entropy they were drawn with, (N, T) each."""
        model = model or self.model
        with computing(self.device, self.precision):
            return model.log_probs(
                batch.sequences,
                batch.mask,
                temperature=batch.temperature,
                kept=batch.kept(model.vocabulary),
                chunk=self.chunk,
            )

    @torch.no_grad()
    def scan(self, batch: Batch, task: str, model: LanguageModel | None = None) -> Tensor:
        """Log-probabilities of the whole batch, micro-batch by micro-batch, without gradients."""
        found = torch.zeros_like(batch.advantages)
        parts = self._parts(batch, self.ranks.share(len(batch)))
        with memory_in_words(f"the {task}", f"Lower micro_batch_size, now {self.micro_batch_size}."):
            for done, (rows, real) in enumerate(parts):
                self.between(task, done, len(parts))
                new, _ = self.log_probs(batch.select(rows), model)
                if real:
                    found[rows, : new.shape[1]] = new
        return self.ranks.summed(found)

    def update(self, batch: Batch, loss_of: LossOf) -> float:
        """One optimizer step on the batch; the norm of its gradient before clipping.

        Each micro-batch counts by its share of the batch's tokens, so the gradient is the one of the whole, however it
        is cut. Raises NotFinite, with the weights as they were, for a loss or a gradient that is no number.
        """
        tokens = float(batch.mask.sum())
        parts = self._parts(batch, self.ranks.share(len(batch)))
        self.optimizer.zero_grad(set_to_none=True)
        try:
            with memory_in_words("training", f"Lower micro_batch_size, now {self.micro_batch_size}."):
                for done, (rows, real) in enumerate(parts):
                    self.between("training", done, len(parts))
                    micro = batch.select(rows)
                    new, entropy = self.log_probs(micro)
                    loss = loss_of(micro, new, entropy) if real else new.sum() * 0
                    self._check_finite(loss)
                    # Processes' gradients are averaged, the batch's shares are meant to be summed.
                    torch.autograd.backward(loss * (float(micro.mask.sum()) * self.ranks.count / tokens))
            return self._step()
        finally:
            self.optimizer.zero_grad(set_to_none=True)

    def _check_finite(self, loss: Tensor) -> None:
        bad = torch.tensor(0.0 if torch.isfinite(loss) else 1.0, device=self.device)
        if self.ranks.summed(bad) > 0:
            raise NotFinite(
                f"The loss is {loss.item()}; nothing was applied. A learning rate that is too high is the usual "
                "reason, then rewards of very different sizes."
            )

    def _step(self) -> float:
        trained = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        norm: Any = nn.utils.clip_grad_norm_(trained, self.max_grad_norm)
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        if not torch.isfinite(norm):
            raise NotFinite(
                f"The gradient's norm is {norm.item()}; nothing was applied. Lower the learning rate."
            )
        self.optimizer.step()
        return float(norm)

    def _parts(self, batch: Batch, mine: Tensor) -> list[tuple[Tensor, bool]]:
        """This process's rows, micro-batch by micro-batch. All have equally many parts, since they compute together:
        one that has no more rows computes another's, which does not count.
        """
        parts = [(rows.to(self.device), True) for rows in mine.split(self.micro_batch_size) if len(rows)]
        spare = torch.zeros(1, dtype=torch.long, device=self.device)
        missing = self.ranks.most(len(parts), self.device) - len(parts)
        return parts + [(spare, False)] * missing


def new_optimizer(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW over what is to be trained; matrices alone decay (vectors are biases and norms)."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate)
