"""A transformer small enough to be made from scratch in seconds on a CPU: GPT-2's architecture in plain torch.

Its weights are GPT-2's, so a folder written by it is read by transformers and by vLLM, and a GPT-2 of theirs runs here.
Radford et al. 2019. A prompt that several rows share is computed once, in training too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from optimization.policy.decoding import Cache
from optimization.policy.language_model import LanguageModel
from optimization.policy.sequences import Sequences

# What this file computes, in the words of a GPT-2's config; the dropouts have no part in it.
GPT2: dict[str, Any] = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "tie_word_embeddings": True,
    "add_cross_attention": False,
}


@dataclass(frozen=True)
class Architecture:
    """The sizes of a GPT-2. `context` is the longest sequence in tokens."""

    vocabulary: int = 258
    context: int = 512
    width: int = 128
    layers: int = 4
    heads: int = 4

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"A width of {self.width} does not divide among {self.heads} heads.")

    def config(self) -> dict[str, Any]:
        """As transformers writes it down."""
        return GPT2 | {
            "vocab_size": self.vocabulary,
            "n_positions": self.context,
            "n_embd": self.width,
            "n_layer": self.layers,
            "n_head": self.heads,
        }

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Architecture | None:
        """The sizes that a config of transformers names, or None if it is not of this kind of model."""
        if any(config.get(name, value) != value for name, value in GPT2.items()):
            return None
        if config.get("n_inner") not in (None, 4 * config["n_embd"]) or "model_type" not in config:
            return None
        sizes = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
        return cls(*(config[name] for name in sizes))


class Transformer(LanguageModel):
    """GPT-2: learned positions, layer norms before attention and MLP, the head tied to the embedding, no dropout."""

    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        self.vocabulary, self.context = architecture.vocabulary, architecture.context
        self.wte = nn.Embedding(architecture.vocabulary, architecture.width)
        self.wpe = nn.Embedding(architecture.context, architecture.width)
        self.h = nn.ModuleList(Block(architecture) for _ in range(architecture.layers))
        self.ln_f = nn.LayerNorm(architecture.width)
        self._initialise(torch.Generator().manual_seed(seed))

    def hidden(
        self,
        tokens: Tensor,
        *,
        attention: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        if positions is None:
            positions = torch.arange(start, end, device=tokens.device)
        seen = None if attention is None else attention[:, :end].bool()
        attend = FromCache(seen, cache) if cache is not None and start else FromHere(seen, cache)
        x = self.wte(tokens) + self.wpe(positions)
        for block in self.h:
            x = cast(Block, block)(x, attend)
        if cache is not None:
            cache.advance(tokens.shape[1])
        return cast(Tensor, self.ln_f(x))

    def states(self, sequences: Sequences) -> Tensor:
        prompts, read, prompt_of = sequences.prompts, sequences.read, sequences.prompt_of
        inputs = sequences.tokens[:, :-1]
        ends = read.sum(1)[prompt_of, None]
        x = torch.cat(
            [
                (self.wte(prompts) + self.wpe((read.cumsum(1) - 1).clamp(min=0))).flatten(0, 1),
                (self.wte(inputs) + self.wpe(ends + torch.arange(inputs.shape[1]).to(ends))).flatten(0, 1),
            ]
        )
        shared = SharedPrompts(sequences)
        for block in self.h:
            x = cast(Block, block)(x, shared)
        first, rest = shared.split(cast(Tensor, self.ln_f(x)))
        return torch.cat([first[prompt_of, -1:], rest], 1)

    def head(self, hidden: Tensor) -> Tensor:
        return linear(hidden, self.wte.weight)

    def new_cache(self, length: int) -> Cache:
        return Cache(length)

    def config(self) -> dict[str, Any]:
        return self.architecture.config()

    def outer_name(self, name: str) -> str:
        return f"transformer.{name}"

    def is_transposed(self, name: str) -> bool:
        """GPT-2's layers hold their matrices as (in, out)."""
        return (
            name.startswith("h.") and name.endswith("weight") and ".ln_" not in name and ".lora_" not in name
        )

    def _initialise(self, random: torch.Generator) -> None:
        """Normal weights of std 0.02; the two that write to the residual stream shrink with the depth (GPT-2)."""
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                depth = (2 * self.architecture.layers) ** 0.5 if name.endswith("c_proj.weight") else 1.0
                nn.init.normal_(weight, std=0.02 / depth, generator=random)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)


class Block(nn.Module):
    """Attention, whose keys and values are the caller's affair, and an MLP, each added to the stream."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.heads = architecture.heads
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor, attend: Attention) -> Tensor:
        qkv = self.attn["c_attn"](self.ln_1(x)).unflatten(-1, (3, self.heads, -1))
        x = x + self.attn["c_proj"](attend(qkv))
        inner = gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh")
        return x + cast(Tensor, self.mlp["c_proj"](inner))


class Attention:
    """Who attends to whom: queries, keys and values (..., 3, heads, head's width) to what they make (..., width)."""

    def __call__(self, qkv: Tensor) -> Tensor:
        raise NotImplementedError


class FromHere(Attention):
    """Every token to those before it in its own row, (B, L, ...); its keys and values are kept where there is a cache."""

    def __init__(self, seen: Tensor | None, cache: Cache | None) -> None:
        self.mask = None if seen is None else _causal(seen)
        self.cache = cache

    def __call__(self, qkv: Tensor) -> Tensor:
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if self.cache is not None:
            self.cache.read_prompts(key, value)
        causal = self.mask is None
        attended = scaled_dot_product_attention(query, key, value, attn_mask=self.mask, is_causal=causal)
        return attended.transpose(1, 2).flatten(2)


class FromCache(Attention):
    """One new token a row to everything in the cache."""

    def __init__(self, seen: Tensor | None, cache: Cache) -> None:
        self.seen, self.cache, self.index = seen, cache, -1

    def __call__(self, qkv: Tensor) -> Tensor:
        self.index += 1
        return self.cache.attend(self.index, qkv, self.seen)


class SharedPrompts(Attention):
    """Prompts to themselves, continuations to their prompt and themselves; all tokens lie in one (tokens, ...)."""

    def __init__(self, sequences: Sequences) -> None:
        self.shape = sequences.prompts.shape
        self.rows, self.prompt_of = len(sequences.tokens), sequences.prompt_of
        length, device = sequences.tokens.shape[1] - 1, sequences.tokens.device
        own = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        if sequences.unpadded:
            self.mask = None
            prompt = own.new_ones(1, 1, length, self.shape[1])
        else:
            self.mask = _causal(sequences.read)
            prompt = sequences.read[self.prompt_of, None, None, :].expand(-1, -1, length, -1)
        self.continuation_mask = torch.cat([prompt, own.expand(len(prompt), 1, -1, -1)], -1)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Prompts (U, P, ...) and continuations (B, T - 1, ...)."""
        prompts, rest = x.split([self.shape.numel(), len(x) - self.shape.numel()])
        return prompts.unflatten(0, self.shape), rest.unflatten(0, (self.rows, -1))

    def __call__(self, qkv: Tensor) -> Tensor:
        (query, key, value), mine = (part.permute(2, 0, 3, 1, 4) for part in self.split(qkv))
        prompts = scaled_dot_product_attention(
            query, key, value, attn_mask=self.mask, is_causal=self.mask is None
        )
        keys, values = (
            torch.cat([shared.index_select(0, self.prompt_of), own], 2)
            for shared, own in ((key, mine[1]), (value, mine[2]))
        )
        rest = scaled_dot_product_attention(mine[0], keys, values, attn_mask=self.continuation_mask)
        return torch.cat([part.transpose(1, 2).flatten(0, 1).flatten(1) for part in (prompts, rest)])


def _causal(seen: Tensor) -> Tensor:
    """(B, 1, L, L): a token sees itself and those before it that are no padding."""
    length = seen.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=seen.device).tril()
    # Padding sees itself: attention to nothing at all would be NaN.
    return (seen[:, None, None, :] & earlier) | torch.eye(length, dtype=torch.bool, device=seen.device)
