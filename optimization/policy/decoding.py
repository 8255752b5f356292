"""Decoding with what was read before: keys and values of a transformer, and the attention of one new token a row.

Rows that continue one prompt ask it together, and its keys are there once: with eight rollouts a prompt, an eighth of
the memory to go through for every token. That, and plain matrix products, is faster on a CPU than the fused kernel,
which is made for many queries. Everything lies as (prompts, heads, rows of the prompt, ...), so that nothing is moved
between the products.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Layer:
    """Of one layer: the prompts' keys, ready to be multiplied, (prompts, heads, width, length), and values (..., length,
    width); the rows' own keys and values, (prompts, heads, rows of each, capacity, width).
    """

    def __init__(self, prompt_keys: Tensor, prompt_values: Tensor) -> None:
        self.prompt_keys = prompt_keys.transpose(2, 3).contiguous()
        self.prompt_values = prompt_values.contiguous()
        self.keys = self.values = prompt_keys.new_empty(0)

    def append(self, at: int, capacity: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store one token's (prompts, heads, rows, width) each; all of the rows' own so far, (all rows, tokens, width)."""
        if at == 0:
            self.keys, self.values = (
                part.new_empty(*part.shape[:3], capacity, part.shape[3]) for part in (key, value)
            )
        self.keys[:, :, :, at], self.values[:, :, :, at] = key, value
        return self.keys.flatten(0, 2)[:, : at + 1], self.values.flatten(0, 2)[:, : at + 1]

    def select(self, prompts: Tensor, rows: Tensor | None) -> None:
        self.prompt_keys, self.prompt_values = self.prompt_keys[prompts], self.prompt_values[prompts]
        if rows is not None:
            self.keys, self.values = (_rows_of(part, rows, len(prompts)) for part in (self.keys, self.values))


class Cache:
    """Prompts, read at once and one row each, and then `own` tokens a row, one at a time, up to `capacity`."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.layers: list[Layer] = []
        self.length = self.own = 0
        self._prompt_of = torch.empty(0, dtype=torch.long)

    def read_prompts(self, keys: Tensor, values: Tensor) -> None:
        """Take one more layer's keys and values, (prompts, heads, length, width)."""
        self.layers.append(Layer(keys, values))
        self._prompt_of = torch.arange(len(keys), device=keys.device)

    def advance(self, tokens: int) -> None:
        """So many tokens a row have been read by every layer."""
        self.own += 1 if self.length else 0
        self.length += tokens

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may come several times.

        Prompts stay shared where all have equally many rows, side by side; else each row gets a copy of its prompt.
        """
        prompt_of = self._prompt_of[rows]
        prompts, counts = prompt_of.unique_consecutive(return_counts=True)
        shared = len(counts) > 0 and bool((counts == counts[0]).all())
        prompts = prompts if shared else prompt_of
        for layer in self.layers:
            layer.select(prompts, rows if self.own else None)
        each = int(counts[0]) if shared else 1
        self._prompt_of = torch.arange(len(prompts), device=rows.device).repeat_interleave(each)

    def attend(self, index: int, qkv: Tensor, seen: Tensor | None) -> Tensor:
        """What one new token a row, (rows, 1, 3, heads, width), makes of all before it; `seen` is False for padding."""
        layer, (rows, _, _, heads, width) = self.layers[index], qkv.shape
        prompts, read = len(layer.prompt_keys), layer.prompt_keys.shape[-1]
        query, key, value = qkv[:, 0].unflatten(0, (prompts, -1)).permute(2, 0, 3, 1, 4)
        keys, values = layer.append(self.own, self.capacity, key, value)
        asked = (query * width**-0.5).reshape(prompts * heads, -1, width).contiguous()
        scores = torch.cat(
            [
                torch.bmm(asked, layer.prompt_keys.flatten(0, 1)),
                torch.bmm(asked.view(rows * heads, 1, width), keys.transpose(1, 2)).view(
                    *asked.shape[:2], -1
                ),
            ],
            -1,
        )
        if seen is not None:
            hidden = ~seen.view(prompts, 1, -1, seen.shape[1])
            scores = (
                scores.view(prompts, heads, -1, seen.shape[1]).masked_fill(hidden, -torch.inf).flatten(0, 1)
            )
        shares = scores.softmax(-1)
        from_prompt = torch.bmm(shares[:, :, :read], layer.prompt_values.flatten(0, 1))
        in_own = shares[:, :, read:].reshape(rows * heads, 1, -1)
        attended = torch.baddbmm(from_prompt.view(rows * heads, 1, width), in_own, values)
        return attended.view(prompts, heads, -1, width).transpose(1, 2).reshape(rows, 1, heads * width)


def _rows_of(part: Tensor, rows: Tensor, prompts: int) -> Tensor:
    """Some rows of (prompts, heads, rows of each, ...), as many for each of so many prompts."""
    by_row = part.transpose(1, 2).flatten(0, 1)[rows]
    return torch.unflatten(by_row, 0, (prompts, -1)).transpose(1, 2).contiguous()
