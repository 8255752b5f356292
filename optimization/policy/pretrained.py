"""A causal language model of transformers, as a LanguageModel."""

from __future__ import annotations

from inspect import signature
from typing import Any, cast

import torch
from torch import Tensor

from optimization.policy.language_model import LanguageModel


class PretrainedModel(LanguageModel):
    """Any causal language model of transformers.

    Where the model's logits are nothing but its output layer on its last hidden state, only the positions that are
    asked for are made into logits. Where they are more (soft-capped, scaled), the whole model is run instead: which of
    the two it is, is tried out once.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner.eval()
        self.vocabulary = int(inner.get_input_embeddings().num_embeddings)
        self.context = int(getattr(inner.config, "max_position_embeddings", None) or 2**31)
        self._takes = frozenset(signature(inner.base_model.forward).parameters)
        self._whole = not self._head_is_all()

    def hidden(
        self,
        tokens: Tensor,
        *,
        attention: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        arguments: dict[str, Any] = {"input_ids": tokens, "use_cache": cache is not None}
        if attention is not None:
            arguments["attention_mask"] = attention.long()
        if positions is not None and "position_ids" in self._takes:
            arguments["position_ids"] = positions
        if cache is not None:
            arguments["past_key_values"] = cache.inner
        if self._whole:
            return cast(Tensor, self.inner(**arguments).logits)
        return cast(Tensor, self.inner.base_model(**arguments).last_hidden_state)

    def head(self, hidden: Tensor) -> Tensor:
        return hidden if self._whole else cast(Tensor, self.inner.get_output_embeddings()(hidden))

    def new_cache(self, length: int) -> PretrainedCache:
        return PretrainedCache(self.inner.config)

    def config(self) -> dict[str, Any]:
        described: dict[str, Any] = self.inner.config.to_dict()
        return described

    def outer_name(self, name: str) -> str:
        return name.removeprefix("inner.")

    @torch.no_grad()
    def _head_is_all(self) -> bool:
        output = self.inner.get_output_embeddings()
        if output is None:
            return False
        tokens = torch.arange(4, device=self.inner.device)[None] % self.vocabulary
        hidden = self.inner.base_model(input_ids=tokens, use_cache=False).last_hidden_state
        return torch.equal(output(hidden), self.inner(input_ids=tokens, use_cache=False).logits)


class PretrainedCache:
    """transformers' cache of keys and values."""

    def __init__(self, config: Any) -> None:
        from transformers import DynamicCache

        self.inner = DynamicCache(config=config)

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may come several times."""
        self.inner.batch_select_indices(rows)
