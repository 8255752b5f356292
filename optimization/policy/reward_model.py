"""A reward model: what people preferred, learned as one number a completion. Bradley-Terry on a scalar head.

It learns from pairs, stands in for people where they cannot judge everything, says how far it can be trusted
(accuracy and calibration on prompts it has not seen), and names the cases that it is least sure of, to be put to people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from optimization.policy.config import RewardModelConfig
from optimization.policy.devices import choose_device, computing, memory_in_words
from optimization.policy.errors import CheckpointError, NotFinite
from optimization.policy.folders import write_folder
from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import Between, new_optimizer
from optimization.policy.objectives import bradley_terry_loss, ranking_pairs
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.sequences import padded
from optimization.policy.tokenisation import Tokenizer
from optimization.policy.weights import export_weights, load_weights, read_weights, write_weights

HEAD = "head.safetensors"
BINS = 5


@dataclass(frozen=True)
class Comparison:
    """Two completions of a prompt, of which people preferred the first; `margin` says by how much, where they did."""

    prompt: Prompt
    chosen: str
    rejected: str
    margin: float = 0.0


@dataclass(frozen=True)
class Bin:
    """Pairs of one range of confidence: how sure the model was on average, how often it was right, how many."""

    confidence: float
    accuracy: float
    pairs: int


@dataclass(frozen=True)
class Trust:
    """How far a reward model agrees with people on pairs that it did not learn from.

    `calibration_error` is the mean distance between confidence and accuracy, weighted by pairs (Guo et al. 2017).
    """

    pairs: int
    accuracy: float
    loss: float
    calibration_error: float
    bins: tuple[Bin, ...]


def comparisons_of_ranking(
    prompt: Prompt, completions: Sequence[str], scores: Sequence[float]
) -> list[Comparison]:
    """Every pair that a ranking, a choice or ratings decide; ties give none. One score a completion, else ValueError."""
    if len(scores) != len(completions):
        raise ValueError(
            f"There are {len(completions)} completions and {len(scores)} scores: give one for each."
        )
    pairs = ranking_pairs(torch.tensor(scores, dtype=torch.float64)).tolist()
    return [Comparison(prompt, completions[better], completions[worse]) for better, worse in pairs]


class RewardModelTrainer:
    """Trains a language model with a scalar head on comparisons; `score` makes it a component's scorer."""

    def __init__(
        self,
        backbone: LanguageModel,
        tokenizer: Tokenizer,
        config: RewardModelConfig | None = None,
        *,
        device: str = "auto",
        between: Between = lambda task, done, total: None,
    ) -> None:
        self.between = between
        self.config = config or RewardModelConfig()
        self.tokenizer = tokenizer
        self.device = choose_device(device)
        self.backbone = backbone.to(self.device).eval()
        self.head = nn.Linear(self._width(), 1, bias=False, device=self.device)
        nn.init.zeros_(self.head.weight)

    def fit(self, comparisons: Sequence[Comparison]) -> Trust:
        """Learn from comparisons, save those of the prompts that are held out, and measure on these.

        Raises ValueError if there is nothing to learn from or nothing to measure on.
        """
        learned, held_out = self.split(comparisons)
        if not learned:
            raise ValueError("There are no comparisons to learn from: a ranking without ties gives some.")
        if not held_out and self.config.held_out > 0:
            raise ValueError(
                f"All {len(comparisons)} comparisons are of prompts to learn from, so nothing is left to measure "
                "on: bring comparisons of more prompts, or set held_out to 0."
            )
        parameters = [*self.backbone.parameters(), *self.head.parameters()]
        optimizer = new_optimizer(parameters, self.config.learning_rate, self.config.weight_decay)
        steps = self.config.epochs * -(-len(learned) // self.config.batch_size)
        for done, batch in enumerate(self._batches(learned)):
            self.between("the reward model", done, steps)
            with memory_in_words("the reward model", f"Lower batch_size, now {self.config.batch_size}."):
                loss = self._loss(batch)
                if not torch.isfinite(loss):
                    raise NotFinite(
                        f"The loss is {loss.item()}; nothing was applied. Lower the learning rate."
                    )
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)
                optimizer.step()
        return self.trust(held_out or learned)

    def split(self, comparisons: Sequence[Comparison]) -> tuple[list[Comparison], list[Comparison]]:
        """Those to learn from and those held out: by prompt, so that no prompt is on both sides."""
        learned: list[Comparison] = []
        held_out: list[Comparison] = []
        for comparison in comparisons:
            digest = hashlib.sha256(f"{self.config.seed}/{comparison.prompt.text}".encode()).digest()
            share = int.from_bytes(digest[:7]) / 256**7
            (held_out if share < self.config.held_out else learned).append(comparison)
        return learned, held_out

    def trust(self, comparisons: Sequence[Comparison]) -> Trust:
        """Accuracy and calibration on these comparisons. Raises ValueError if there are none."""
        if not comparisons:
            raise ValueError("There are no comparisons to measure on.")
        difference = self._differences(comparisons)
        right = (difference > 0).double() + 0.5 * (difference == 0).double()
        confidence = torch.sigmoid(difference.abs())
        places = ((confidence - 0.5) * 2 * BINS).long().clamp(max=BINS - 1)
        bins = tuple(
            Bin(float(confidence[rows].mean()), float(right[rows].mean()), int(rows.sum()))
            for rows in (places == place for place in range(BINS))
            if rows.any()
        )
        return Trust(
            pairs=len(comparisons),
            accuracy=float(right.mean()),
            loss=float(bradley_terry_loss(difference, torch.zeros_like(difference))),
            calibration_error=sum(abs(b.confidence - b.accuracy) * b.pairs for b in bins) / len(comparisons),
            bins=bins,
        )

    def least_sure(self, pairs: Sequence[tuple[Prompt, str, str]], count: int) -> list[int]:
        """The places of the `count` pairs that the model is least sure of, least sure first: those to put to people."""
        doubt = self._differences([Comparison(*pair) for pair in pairs]).abs()
        return doubt.argsort(stable=True)[:count].tolist()

    def score(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        """One number a rollout: a component's scorer."""
        texts = [(list(r.prompt_tokens), list(r.tokens)) for r in rollouts]
        return [*self._scores([prompt + tokens for prompt, tokens in texts]).tolist()]

    def save(self, folder: Path) -> None:
        """Write the model and its head, atomically."""

        def fill(partial: Path) -> None:
            write_weights(partial, self.backbone, export_weights(self.backbone))
            self.tokenizer.save(partial)
            save_file({"weight": self.head.weight.detach().cpu()}, partial / HEAD)

        write_folder(folder, fill)

    def restore(self, folder: Path) -> None:
        """Take over a saved reward model of the same architecture."""
        if not (folder / HEAD).exists():
            raise CheckpointError(f"{folder} holds no reward model: it has no {HEAD}.")
        load_weights(self.backbone, read_weights(folder), str(folder))
        with torch.no_grad():
            self.head.weight.copy_(load_file(folder / HEAD)["weight"])

    def _loss(self, comparisons: Sequence[Comparison]) -> Tensor:
        chosen, rejected = self._scored([*self._rows(comparisons)]).chunk(2)
        margin = torch.tensor([comparison.margin for comparison in comparisons], device=self.device)
        return bradley_terry_loss(chosen, rejected, margin, self.config.centering)

    def _differences(self, comparisons: Sequence[Comparison]) -> Tensor:
        chosen, rejected = self._scores([*self._rows(comparisons)]).chunk(2)
        return chosen - rejected

    def _rows(self, comparisons: Sequence[Comparison]) -> Iterator[list[int]]:
        """All chosen, then all rejected, as tokens with their end."""
        for side in ("chosen", "rejected"):
            for comparison in comparisons:
                completion = [*self.tokenizer.encode(getattr(comparison, side)), min(self.tokenizer.ends)]
                yield self.tokenizer.prompt(comparison.prompt.content()) + completion

    @torch.no_grad()
    def _scores(self, rows: Sequence[Sequence[int]]) -> Tensor:
        size = 2 * self.config.batch_size
        parts = [self._scored(rows[start : start + size]) for start in range(0, len(rows), size)]
        return torch.cat(parts).double().cpu() if parts else torch.zeros(0, dtype=torch.float64)

    def _scored(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """(n,) scores: the head on the hidden state of each row's last token."""
        tokens, real = (part.to(self.device) for part in padded(rows, self.tokenizer.padding))
        with computing(self.device, self.config.precision):
            hidden = self.backbone.hidden(tokens)
        last = hidden[torch.arange(len(rows), device=self.device), real.sum(1) - 1]
        scores: Tensor = self.head(last.float())[:, 0]
        return scores

    def _batches(self, comparisons: Sequence[Comparison]) -> Iterator[list[Comparison]]:
        random = torch.Generator().manual_seed(self.config.seed)
        for _ in range(self.config.epochs):
            order = torch.randperm(len(comparisons), generator=random)
            for part in order.split(self.config.batch_size):
                yield [comparisons[place] for place in part.tolist()]

    @torch.no_grad()
    def _width(self) -> int:
        token = torch.zeros(1, 1, dtype=torch.long, device=self.device)
        return int(self.backbone.hidden(token).shape[-1])
