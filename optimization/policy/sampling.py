"""The distribution that a token is drawn from: temperature, then nucleus (top-p). Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor


def sampling_logits(logits: Tensor, temperature: float, top_p: float) -> Tensor:
    """Logits (rows, V), float32, of the distribution that is sampled; -inf outside the nucleus.

    The nucleus is the smallest set of likeliest tokens whose probabilities sum to `top_p` or more (Holtzman et al.
    2020); it is never empty.
    """
    logits = logits.float() / temperature
    if top_p >= 1:
        return logits
    ordered, order = torch.sort(logits, dim=-1, descending=True, stable=True)
    shares = ordered.softmax(-1)
    # A token stays if those before it have not reached top_p yet.
    dropped = shares.cumsum(-1) - shares >= top_p
    dropped[:, 0] = False
    return logits.masked_fill(dropped.scatter(-1, order, dropped), -torch.inf)


def draw(log_shares: Tensor, uniform: Tensor) -> Tensor:
    """(rows,) tokens by inversion: the first at which the cumulative probability exceeds the row's uniform in [0, 1).

    One number decides, so a row draws the same token in whatever batch it lies.
    """
    cumulative = log_shares.double().exp().cumsum(-1)
    wanted = uniform.double()[:, None] * cumulative[:, -1:]
    # Rounding may push the last uniform past the last token that has a probability.
    last = log_shares.isfinite().long().cumsum(-1).argmax(-1, keepdim=True)
    return torch.searchsorted(cumulative, wanted, right=True).minimum(last).squeeze(-1)
