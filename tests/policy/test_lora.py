"""LoRA: small matrices are trained, the weights stay, and the reference costs no copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from optimization.policy.config import Lora
from optimization.policy.lora import add_lora, without_lora
from optimization.policy.models import load_model, save_model
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import grpo, tiny

TOKENS = torch.tensor([[1, 2, 3, 4]])


def test_adapters_change_nothing_before_they_are_trained() -> None:
    plain, adapted = tiny(), tiny()

    add_lora(adapted, Lora(rank=2), seed=0)

    torch.testing.assert_close(adapted.hidden(TOKENS), plain.hidden(TOKENS))


def test_only_the_adapters_are_trained() -> None:
    trainer = grpo(lora=Lora(rank=2), learning_rate=1e-2)
    before = {name: weight.clone() for name, weight in trainer.policy.named_parameters()}

    trainer.train(2)

    moved = {n for n, weight in trainer.policy.named_parameters() if not torch.equal(before[n], weight)}
    assert moved
    assert all(".lora_" in name for name in moved)


def test_the_reference_is_the_model_without_its_adapters() -> None:
    plain, trainer = tiny(), grpo(lora=Lora(rank=2), learning_rate=1e-1, beta=0.1)
    trainer.train(2)

    assert trainer.reference is trainer.policy
    assert not torch.allclose(trainer.policy.hidden(TOKENS), plain.hidden(TOKENS), atol=1e-3)
    with without_lora(trainer.policy):
        torch.testing.assert_close(trainer.policy.hidden(TOKENS), plain.hidden(TOKENS))
    batch = trainer.batch()
    expected, _ = plain.log_probs(batch.sequences, batch.mask)
    rows = batch.ref_log_probs.abs().sum(1) > 0  # type: ignore[union-attr]
    torch.testing.assert_close(batch.ref_log_probs[rows], expected[rows], atol=1e-5, rtol=1e-4)  # type: ignore[index]


def test_a_run_with_adapters_goes_on_byte_for_byte(tmp_path: Path) -> None:
    through, begun = (grpo(lora=Lora(rank=2), learning_rate=1e-2) for _ in range(2))
    through.train(3)
    begun.train(2, checkpoints=tmp_path)

    again = grpo(lora=Lora(rank=2), learning_rate=1e-2)
    again.restore(tmp_path / "latest")
    again.train(3)

    assert all(map(torch.equal, through.policy.parameters(), again.policy.parameters()))
    assert not (tmp_path / "latest" / "model.safetensors").exists()


def test_a_folder_of_adapters_brings_its_model_and_peft_reads_it(tmp_path: Path) -> None:
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    save_model(tmp_path / "base", tiny(), ByteTokenizer())
    base, tokenizer = load_model(tmp_path / "base")
    add_lora(base, Lora(rank=2), seed=0)
    with torch.no_grad():
        for name, weight in base.named_parameters():
            if "lora_B" in name:
                weight += 0.1
    save_model(tmp_path / "adapters", base, tokenizer)

    again, _ = load_model(tmp_path / "adapters")
    theirs = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "adapters"
    ).eval()

    expected = base.head(base.hidden(TOKENS))
    assert not torch.allclose(expected, tiny().head(tiny().hidden(TOKENS)), atol=1e-2)
    torch.testing.assert_close(again.head(again.hidden(TOKENS)), expected)
    torch.testing.assert_close(theirs(TOKENS).logits, expected, atol=1e-4, rtol=1e-3)


def test_layers_of_a_name_that_is_not_there_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"layers named q_proj, and the model has none. .* named c_attn, c_fc, c_proj"
    ):
        add_lora(tiny(), Lora(targets=("q_proj",)), seed=0)
