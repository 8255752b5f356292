"""LoRA by peft, put into a model in place: small matrices beside its linear layers, the weights themselves frozen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from optimization.policy.config import Lora
from optimization.policy.errors import MissingPackage
from optimization.policy.language_model import LanguageModel


def add_lora(model: LanguageModel, plan: Lora, seed: int) -> None:
    """Freeze the model and give it adapters that change nothing yet. ValueError if no layer has a name asked for."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingPackage("peft", "LoRA") from None
    targets = _targets(model, plan)
    model.requires_grad_(False)
    config = LoraConfig(r=plan.rank, lora_alpha=plan.alpha, lora_dropout=0.0, target_modules=targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model)
    model.lora = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": any(model.is_transposed(f"{name}.weight") for name in targets),
        "target_modules": sorted(model.outer_name(name) for name in targets),
        "base_model_name_or_path": model.origin,
    }


@contextmanager
def without_lora(model: LanguageModel) -> Iterator[None]:
    """The model as it was before it was given adapters: the reference that costs no copy."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def _targets(model: LanguageModel, plan: Lora) -> list[str]:
    inner: Any = getattr(model, "inner", None)
    output = None if inner is None else inner.get_output_embeddings()
    linear = [
        name
        for name, module in model.named_modules()
        if module is not output and (isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D")
    ]
    if plan.targets == "all-linear":
        return linear
    chosen = [name for name in linear if name.endswith(plan.targets)]
    if not chosen:
        ends = sorted({name.rpartition(".")[2] for name in linear})
        raise ValueError(
            f"LoRA was asked for at layers named {', '.join(plan.targets)}, and the model has none. "
            f"Its linear layers are named {', '.join(ends)}."
        )
    return chosen
