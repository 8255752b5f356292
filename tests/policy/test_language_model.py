"""The transformer computes GPT-2, a shared prompt changes nothing, and the log-probabilities are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from optimization.policy.language_model import LanguageModel
from optimization.policy.models import load_model, save_model
from optimization.policy.sequences import Sequences, padded
from optimization.policy.tokenisation import ByteTokenizer
from optimization.policy.transformer import Architecture, Transformer
from tests.policy.builders import tiny

PROMPTS = [[1, 2, 3], [1, 2, 3], [4, 5], [9] * 7]
CONTINUATIONS = [[5, 6, 7, 8], [1, 1], [7, 7, 7], [3]]


def sequences() -> tuple[Sequences, torch.Tensor]:
    _, mask = padded(CONTINUATIONS, 257)
    return Sequences.of(PROMPTS, CONTINUATIONS, 257), mask


def log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def test_log_probs_are_those_of_each_row_by_itself() -> None:
    model = tiny()
    batch, mask = sequences()

    values, entropies = model.log_probs(batch, mask, temperature=torch.full((4,), 0.8))

    for row, (prompt, tokens) in enumerate(zip(PROMPTS, CONTINUATIONS, strict=True)):
        logits = model.head(model.hidden(torch.tensor([prompt + tokens])))[0].detach().double().numpy() / 0.8
        for place, token in enumerate(tokens):
            expected = log_softmax(logits[len(prompt) + place - 1])
            assert values[row, place].item() == pytest.approx(expected[token], abs=1e-5)
            assert entropies[row, place].item() == pytest.approx(
                -(np.exp(expected) * expected).sum(), abs=1e-5
            )
        assert values[row, len(tokens) :].eq(0).all()


def test_the_last_token_of_the_prompt_predicts_the_first_one_sampled() -> None:
    """A mask that is shifted along with the inputs, not the targets, would leave the first sampled token out."""
    model = tiny()
    batch, mask = sequences()
    values, _ = model.log_probs(batch, mask)

    values[:, 0].sum().backward()  # type: ignore[no-untyped-call]

    assert mask[:, 0].all()
    assert values[:, 0].lt(0).all()
    assert model.wte.weight.grad is not None
    assert model.wte.weight.grad[7].abs().sum() > 0


def test_a_prompt_that_rows_share_is_there_once_and_changes_nothing() -> None:
    model = tiny()
    batch, _ = sequences()

    shared, whole = model.states(batch), LanguageModel.states(model, batch)

    assert batch.prompts.shape == (3, 7)
    for row, tokens in enumerate(CONTINUATIONS):
        torch.testing.assert_close(
            shared[row, : len(tokens)], whole[row, : len(tokens)], atol=1e-5, rtol=1e-4
        )


def test_the_gradient_through_a_shared_prompt_is_the_sum_over_its_rows() -> None:
    batch, mask = sequences()
    shared, whole = tiny(), tiny()

    shared.log_probs(batch, mask)[0].sum().backward()  # type: ignore[no-untyped-call]
    for row in range(4):
        alone = batch.select(torch.tensor([row]), len(CONTINUATIONS[row]))
        whole.log_probs(alone, mask[row : row + 1, : len(CONTINUATIONS[row])])[0].sum().backward()  # type: ignore[no-untyped-call]

    for one, other in zip(shared.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-3)


def test_making_few_logits_at_once_changes_neither_values_nor_gradients() -> None:
    batch, mask = sequences()
    at_once, in_parts = tiny(), tiny()

    one, two = at_once.log_probs(batch, mask)[0], in_parts.log_probs(batch, mask, chunk=3)[0]
    one.sum().backward()  # type: ignore[no-untyped-call]
    two.sum().backward()  # type: ignore[no-untyped-call]

    torch.testing.assert_close(one, two)
    for first, second in zip(at_once.parameters(), in_parts.parameters(), strict=True):
        torch.testing.assert_close(first.grad, second.grad)


def test_over_a_nucleus_the_probabilities_of_its_tokens_sum_to_1() -> None:
    batch = Sequences.of([[1, 2]] * 3, [[5], [6], [7]], 257)
    kept = torch.zeros(3, 258, dtype=torch.bool)
    kept[:, [5, 6, 7]] = True

    values, _ = tiny().log_probs(batch, torch.ones(3, 1), kept=kept)

    assert values.exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_gpt2_of_transformers_computes_the_same(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = tiny()
    save_model(tmp_path / "model", model, ByteTokenizer())
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    tokens = torch.tensor([[5, 17, 200, 1, 256]])

    torch.testing.assert_close(model.head(model.hidden(tokens)), theirs(tokens).logits, atol=1e-4, rtol=1e-4)


def test_a_gpt2_of_transformers_runs_as_ours(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=258, n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    theirs.save_pretrained(tmp_path / "model")
    ByteTokenizer().save(tmp_path / "model")

    ours, _ = load_model(tmp_path / "model")
    tokens = torch.tensor([[5, 17, 200, 1, 256]])

    assert isinstance(ours, Transformer)
    torch.testing.assert_close(ours.head(ours.hidden(tokens)), theirs(tokens).logits, atol=1e-5, rtol=1e-4)


def test_a_width_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="A width of 10 does not divide among 4 heads"):
        Architecture(width=10)


def test_a_prompt_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="begin it with a start token"):
        Sequences.of([[]], [[1]], 257)
