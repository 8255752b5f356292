"""A model's weights in a folder that transformers, vLLM and peft read: the whole model, or its adapters alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from optimization.policy.errors import CheckpointError
from optimization.policy.language_model import LanguageModel

MODEL, CONFIG = "model.safetensors", "config.json"
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
# What peft puts before the name of every weight of the model that it wraps.
PEFT_PREFIX = "base_model.model."


def export_weights(model: LanguageModel) -> dict[str, Tensor]:
    """Copies on the CPU of what a checkpoint keeps, named as in the folder: all weights, or with LoRA its own."""
    return {
        name: whole(weight).t().contiguous() if model.is_transposed(inner) else whole(weight)
        for name, inner, weight in _kept(model)
    }


def load_weights(model: LanguageModel, saved: Mapping[str, Tensor], origin: Path | str) -> None:
    """Put weights into the model. Raises CheckpointError, with nothing changed, if they are another architecture's."""
    places = {name: (inner, weight) for name, inner, weight in _kept(model)}
    shapes = {
        name: tuple(weight.shape)[:: -1 if model.is_transposed(inner) else 1]
        for name, (inner, weight) in places.items()
    }
    found = {name: tuple(tensor.shape) for name, tensor in saved.items() if name in shapes or not _tied(name)}
    if found != shapes:
        different = next(name for name in {**shapes, **found} if shapes.get(name) != found.get(name))
        raise CheckpointError(
            f"{origin} is of another architecture than the model: {different} is {_size(found, different)} there and "
            f"{_size(shapes, different)} here. Load it into the model that it was made from."
        )
    with torch.no_grad():
        for name, (inner, weight) in places.items():
            tensor = saved[name].t() if model.is_transposed(inner) else saved[name]
            weight.copy_(placed(tensor, weight))


def write_weights(folder: Path, model: LanguageModel, weights: Mapping[str, Tensor]) -> None:
    """The folder's files: weights, and the JSON that says of what."""
    if model.lora is None:
        (folder / CONFIG).write_text(json.dumps(model.config(), indent=1, sort_keys=True))
        save_file(dict(weights), folder / MODEL, metadata={"format": "pt"})
        return
    (folder / ADAPTER_CONFIG).write_text(json.dumps(model.lora, indent=1, sort_keys=True))
    named = {PEFT_PREFIX + name: tensor for name, tensor in weights.items()}
    save_file(named, folder / ADAPTER, metadata={"format": "pt"})


def read_weights(folder: Path) -> dict[str, Tensor]:
    if (folder / ADAPTER).exists():
        return {
            name.removeprefix(PEFT_PREFIX): tensor for name, tensor in load_file(folder / ADAPTER).items()
        }
    return load_file(folder / MODEL)


def whole(tensor: Tensor) -> Tensor:
    """A copy on the CPU, put together where processes share it."""
    full: Any = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    copied: Tensor = full.detach().to("cpu", copy=True).contiguous()
    return copied


def placed(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor as `like` lies: on its device, and cut into shards where processes share it."""
    tensor = tensor.to(like.device)
    if not hasattr(like, "full_tensor"):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(tensor, like.device_mesh, like.placements)


def _kept(model: LanguageModel) -> Iterator[tuple[str, str, Tensor]]:
    """(name in the folder, name in the model, weight)."""
    for inner, weight in model.named_parameters():
        if model.lora is None:
            yield model.outer_name(inner), inner, weight
        elif ".lora_" in inner:
            yield model.outer_name(inner.replace(".default", "")), inner, weight


def _tied(name: str) -> bool:
    # transformers writes the output layer beside the embedding that it is tied to.
    return name.endswith("lm_head.weight")


def _size(shapes: Mapping[str, tuple[int, ...]], name: str) -> str:
    return str(shapes[name]) if name in shapes else "missing"
