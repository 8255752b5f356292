"""Decoding with what was read before: keys and values of a transformer, and the attention of one new token a row.

Rows that continue one prompt ask it together, and its keys are there once: with eight rollouts a prompt, an eighth of
the memory to go through for every token. That, and two plain matrix products, is several times as fast on a CPU as the
fused kernel, which is made for many queries.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Layer:
    """Of one layer: keys, ready to be multiplied, (rows, heads, head's width, length), and values (..., length, width)."""

    def __init__(self, prompt_keys: Tensor, prompt_values: Tensor) -> None:
        self.prompt_keys = prompt_keys.transpose(2, 3).contiguous()
        self.prompt_values = prompt_values
        self.keys = self.values = prompt_keys.new_empty(0)

    def append(self, at: int, capacity: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store one token's (rows, heads, width) each; all of the rows' own so far, rows and heads as one."""
        rows, heads, width = key.shape
        if at == 0:
            self.keys = key.new_empty(rows, heads, width, capacity)
            self.values = key.new_empty(rows, heads, capacity, width)
        self.keys[:, :, :, at], self.values[:, :, at] = key, value
        return self.keys[:, :, :, : at + 1].flatten(0, 1), self.values[:, :, : at + 1].flatten(0, 1)

    def select(self, prompts: Tensor, rows: Tensor | None) -> None:
        self.prompt_keys, self.prompt_values = self.prompt_keys[prompts], self.prompt_values[prompts]
        if rows is not None:
            self.keys, self.values = self.keys[rows], self.values[rows]


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
        rows, _, _, heads, width = qkv.shape
        layer = self.layers[index]
        query, key, value = qkv[:, 0].unbind(1)
        query = query * width**-0.5
        keys, values = layer.append(self.own, self.capacity, key, value)
        prompts = len(layer.prompt_keys)
        together = query.unflatten(0, (prompts, -1)).transpose(1, 2)
        of_prompt = (together @ layer.prompt_keys).transpose(1, 2).reshape(rows, heads, -1)
        of_own = torch.bmm(query.reshape(rows * heads, 1, width), keys).view(rows, heads, -1)
        scores = torch.cat([of_prompt, of_own], -1)
        if seen is not None:
            scores = scores.masked_fill(~seen[:, None, :], -torch.inf)
        shares = scores.softmax(-1)
        in_prompt = shares[:, :, : of_prompt.shape[-1]].unflatten(0, (prompts, -1)).transpose(1, 2)
        in_own = shares[:, :, of_prompt.shape[-1] :].flatten(0, 1)[:, None]
        from_prompt = (in_prompt @ layer.prompt_values).transpose(1, 2).reshape(rows, 1, -1)
        attended: Tensor = from_prompt + torch.bmm(in_own, values).view(rows, 1, heads * width)
        return attended
