"""Next-token training on texts: how a policy is made from scratch, before anything rewards it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import new_optimizer
from optimization.policy.sequences import Sequences, padded


def pretrain(
    model: LanguageModel,
    texts: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    steps: int,
    padding: int,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    seed: int = 0,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Teach the model to continue (prompt, completion) token lists; the mean loss a token of the last step, in nats.

    The learning rate warms up over a tenth of the steps and falls to nothing. Raises ValueError without texts.
    """
    if not texts:
        raise ValueError("There are no texts to learn from.")
    optimizer = new_optimizer(model.parameters(), learning_rate, weight_decay=0.01)
    random = torch.Generator().manual_seed(seed)
    loss = 0.0
    for step in range(steps):
        chosen = [texts[i] for i in torch.randint(len(texts), (batch_size,), generator=random).tolist()]
        # The first token alone is given, so that the model learns the prompts' language too.
        rows = [[*prompt, *completion] for prompt, completion in chosen]
        sequences = Sequences.of([row[:1] for row in rows], [row[1:] for row in rows], padding)
        _, mask = padded([row[1:] for row in rows], padding)
        values, _ = model.log_probs(sequences, mask)
        mean = -values.sum() / mask.sum()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min((step + 1) / (0.1 * steps + 1), 1.0) * (1 - step / steps)
        optimizer.zero_grad()
        torch.autograd.backward(mean)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = mean.item()
        on_step(step + 1, loss)
    return loss
