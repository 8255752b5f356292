"""The tensors of a training step as a page to look at: every token, coloured by what it was trained towards."""

from __future__ import annotations

from html import escape

from optimization.policy.batches import Batch
from optimization.policy.tokenisation import Tokenizer

STYLE = (
    "body{font:14px/1.6 monospace;margin:2rem;max-width:80rem}p{white-space:pre-wrap;border-bottom:1px solid #ddd}"
    "span{border-radius:2px}.read{color:#888}"
)


def plot(batch: Batch, tokenizer: Tokenizer) -> str:
    """An HTML page: green tokens were made likelier, red ones less likely; a token's title gives its figures."""
    largest = float(batch.advantages.abs().max()) or 1.0
    rows = "".join(_row(batch, row, largest, tokenizer) for row in range(len(batch)))
    return (
        f'<!doctype html><meta charset="utf-8"><title>Training tensors</title><style>{STYLE}</style>'
        f"<h1>{len(batch)} trajectories, {int(batch.mask.sum())} trained tokens</h1>{rows}"
    )


def _row(batch: Batch, row: int, largest: float, tokenizer: Tokenizer) -> str:
    prompt = int(batch.sequences.prompt_of[row])
    read = batch.sequences.prompts[prompt][batch.sequences.read[prompt]].tolist()
    pieces = [f'<span class="read">{escape(tokenizer.decode(read))}</span>']
    columns = zip(
        batch.sequences.tokens[row].tolist(),
        batch.mask[row].tolist(),
        batch.advantages[row].tolist(),
        batch.old_log_probs[row].tolist(),
        strict=True,
    )
    for token, trained, advantage, log_prob in columns:
        text = escape(tokenizer.decode([token])) or "·"
        if trained:
            hue, strength = (140 if advantage > 0 else 0), abs(advantage) / largest * 0.6
            pieces.append(
                f'<span style="background:hsla({hue},80%,50%,{strength:.2f})" '
                f'title="token {token}, advantage {advantage:.3f}, log-probability {log_prob:.3f}">{text}</span>'
            )
        elif token != tokenizer.padding:
            pieces.append(f'<span class="read">{text}</span>')
    return f"<p>{''.join(pieces)}</p>"
