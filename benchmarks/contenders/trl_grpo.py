"""TRL's GRPOTrainer on the model, prompts and reward of benchmarks/policy.py, in a process of its own.

    python -m benchmarks.contenders.trl_grpo FOLDER STEPS THREADS '{"completions": 64, ...}'

Prints one line of JSON: seconds a step, completion tokens and mean reward of each.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any


def main(folder: str, steps: int, threads: int, sizes: dict[str, Any]) -> None:
    import torch

    torch.set_num_threads(threads)
    logging.disable(logging.WARNING)
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback, set_seed
    from trl import GRPOConfig, GRPOTrainer

    set_seed(sizes.get("seed", 0))
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_bytes(), pad_token="<pad>", eos_token="<end>", padding_side="left"
    )
    model.generation_config.eos_token_id = None
    rewards: list[float] = []
    tokens: list[int] = []

    def reward(completions: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        found = [sum(token % 2 == 0 for token in ids) / max(len(ids), 1) for ids in completion_ids]
        rewards.append(sum(found) / len(found))
        tokens.append(sum(map(len, completion_ids)))
        return found

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.at = (0.0, 0.0)
            self.seconds: list[float] = []
            self.processor: list[float] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.at = (time.perf_counter(), time.process_time())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds.append(time.perf_counter() - self.at[0])
            self.processor.append(time.process_time() - self.at[1])

    clock = Clock()
    completions, group = sizes["completions"], sizes["group"]
    config = GRPOConfig(
        output_dir=f"{folder}-trl",
        per_device_train_batch_size=completions,
        num_generations=group,
        max_completion_length=sizes["length"],
        beta=0.04,
        learning_rate=sizes["learning_rate"],
        seed=sizes.get("seed", 0),
        max_steps=steps,
        temperature=1.0,
        max_grad_norm=1.0,
        lr_scheduler_type="constant",
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        bf16=bool(sizes.get("bf16")),
        use_cpu=not sizes.get("gpu"),
        gradient_checkpointing=False,
        dataloader_num_workers=0,
        generation_kwargs={"min_new_tokens": sizes["length"]},
        loss_type="grpo",
    )
    prompts = Dataset.from_list([{"prompt": prompt} for prompt in sizes["prompts"]])
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=config,
        train_dataset=prompts,
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.train()
    print(
        json.dumps(
            {"seconds": clock.seconds, "processor": clock.processor, "tokens": tokens, "rewards": rewards}
        )
    )


def _bytes() -> Any:
    """A byte-level tokenizer as `tokenizers` writes one; 256 ends a text, 257 pads it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    names = pre_tokenizers.ByteLevel.alphabet()
    letters = _letters()
    assert set(letters) <= set(names)
    vocabulary = {letter: number for number, letter in enumerate(letters)} | {"<end>": 256, "<pad>": 257}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    return made


def _letters() -> list[str]:
    """The letter that stands for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
