"""A model of transformers, written to disk by the test, goes the same way as our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from optimization.policy import BackbonedPPOTrainer
from optimization.policy.config import Lora, PPOConfig, Sampling
from optimization.policy.errors import CheckpointError
from optimization.policy.generation import generate
from optimization.policy.language_model import LanguageModel
from optimization.policy.models import load_model
from optimization.policy.pretrained import PretrainedModel
from optimization.policy.sequences import Sequences, padded
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import PROMPTS, component

transformers = pytest.importorskip("transformers")


def llama(folder: Path, **changes: Any) -> Path:
    config = transformers.LlamaConfig(
        vocab_size=258,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=256,
        initializer_range=0.4,
        **changes,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    ByteTokenizer().save(folder)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> LanguageModel:
    return load_model(llama(tmp_path / "llama"))[0]


def test_generation_takes_the_tokens_that_transformers_takes(model: LanguageModel) -> None:
    assert isinstance(model, PretrainedModel)
    prompts = [[1, 2, 3, 4], [5, 6]]

    made = generate(model, prompts, Sampling(temperature=0, max_tokens=8), ends={256}, padding=257, seed=0)

    for prompt, each in zip(prompts, made, strict=True):
        theirs = model.inner.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=8, pad_token_id=257
        )
        assert each.tokens == theirs[0, len(prompt) :].tolist()


def test_log_probs_agree_with_what_was_noted_while_sampling(model: LanguageModel) -> None:
    prompts = [[1, 2, 3, 4], [5, 6]]
    made = generate(model, prompts, Sampling(max_tokens=8), ends={*range(20)}, padding=257, seed=0, copies=3)
    rows = Sequences.of([p for p in prompts for _ in range(3)], [each.tokens for each in made], 257)
    _, mask = padded([each.tokens for each in made], 257)

    values, _ = model.log_probs(rows, mask)

    noted = torch.tensor([value for each in made for value in each.log_probs])
    torch.testing.assert_close(values[mask], noted, atol=1e-4, rtol=1e-4)


def test_logits_that_are_more_than_a_layer_on_the_hidden_state_are_right_too(tmp_path: Path) -> None:
    """A soft cap on the logits would be lost if the output layer were all that is run."""
    config = transformers.Gemma2Config(
        vocab_size=258,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=64,
        final_logit_softcapping=1.0,
        bos_token_id=None,
        initializer_range=0.4,
    )
    inner = transformers.Gemma2ForCausalLM(config).eval()
    model = PretrainedModel(inner)
    tokens = torch.tensor([[1, 2, 3]])

    torch.testing.assert_close(model.head(model.hidden(tokens)), inner(tokens).logits)


@pytest.mark.parametrize("lora", [None, Lora(rank=2)])
def test_the_trainer_of_a_folder_learns_and_goes_on(tmp_path: Path, lora: Lora | None) -> None:
    folder = llama(tmp_path / "llama")
    config = PPOConfig(
        learning_rate=1e-2, prompts_per_step=4, sampling=Sampling(max_tokens=4), lora=lora, beta=0.01
    )

    def trainer() -> BackbonedPPOTrainer:
        return BackbonedPPOTrainer.from_pretrained(folder, [component(prompts=PROMPTS)], config, device="cpu")

    through, begun, again = trainer(), trainer(), trainer()
    through.train(3)
    begun.train(2, checkpoints=tmp_path)
    again.restore(tmp_path / "latest")
    again.train(3)

    assert all(map(torch.equal, through.policy.parameters(), again.policy.parameters()))
    assert not all(map(torch.equal, through.policy.parameters(), trainer().policy.parameters()))


def test_a_checkpoint_of_it_is_read_by_transformers(tmp_path: Path) -> None:
    trainer = BackbonedPPOTrainer.from_pretrained(
        llama(tmp_path / "llama", tie_word_embeddings=True), device="cpu"
    )
    trainer.save(tmp_path / "saved")

    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "saved")

    tokens = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(trainer.policy.head(trainer.policy.hidden(tokens)), theirs(tokens).logits)


def test_a_trainer_without_components_says_that_there_is_nothing_to_roll_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There are no rollouts to make"):
        BackbonedPPOTrainer.from_pretrained(llama(tmp_path / "llama"), device="cpu").batch()


def test_a_model_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded: there is no such folder"):
        load_model(tmp_path / "nowhere")


def test_a_chat_template_makes_the_prompt(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: number for number, word in enumerate(["<end>", "user", "hello", "assistant", "there"])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<end>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>")
    folder = llama(tmp_path / "llama")
    (folder / "bytes.txt").unlink()
    fast.save_pretrained(folder)
    _, plain = load_model(folder)

    assert plain.prompt("hello there") == [2, 4]
    assert plain.prompt("") == [0]
    assert plain.decode([2, 0]) == "hello"
    with pytest.raises(ValueError, match="has no chat template, so it cannot read a conversation"):
        plain.prompt([{"role": "user", "content": "hello"}])
    fast.chat_template = (
        "{% for m in messages %}{{ m.role }} {{ m.content }} <end> {% endfor %}"
        "{% if add_generation_prompt %}assistant{% endif %}"
    )
    fast.save_pretrained(folder)
    _, chatting = load_model(folder)
    assert chatting.prompt([{"role": "user", "content": "hello"}]) == [1, 2, 0, 3]
