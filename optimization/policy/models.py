"""Models from folders and by name: our own transformer where it can be, transformers' models otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from optimization.policy.config import Lora
from optimization.policy.errors import CheckpointError, MissingPackage
from optimization.policy.folders import write_folder
from optimization.policy.language_model import LanguageModel
from optimization.policy.lora import add_lora
from optimization.policy.tokenisation import BYTES, ByteTokenizer, PretrainedTokenizer, Tokenizer
from optimization.policy.transformer import Architecture, Transformer
from optimization.policy.weights import (
    ADAPTER_CONFIG,
    CONFIG,
    MODEL,
    export_weights,
    load_weights,
    read_weights,
    write_weights,
)


def load_model(path_or_name: str | Path) -> tuple[LanguageModel, Tokenizer]:
    """A causal language model and its tokenizer: a folder, of ours or of transformers, or a name on the hub.

    A folder of adapters brings the model that they were made for. Raises CheckpointError for a folder that cannot be
    read, MissingPackage where transformers or peft is needed and not there.
    """
    folder = Path(path_or_name)
    if (folder / ADAPTER_CONFIG).exists():
        return _adapted(folder)
    config = _config(folder)
    architecture = Architecture.of(config) if config and (folder / MODEL).exists() else None
    model = _pretrained(str(path_or_name)) if architecture is None else _own(folder, architecture)
    model.origin = str(path_or_name)
    return model.eval(), load_tokenizer(path_or_name)


def load_tokenizer(path_or_name: str | Path) -> Tokenizer:
    folder = Path(path_or_name)
    return ByteTokenizer() if (folder / BYTES).exists() else PretrainedTokenizer(str(path_or_name))


def save_model(folder: Path, model: LanguageModel, tokenizer: Tokenizer) -> None:
    """Write the model, or its adapters, and its tokenizer, atomically."""

    def fill(partial: Path) -> None:
        write_weights(partial, model, export_weights(model))
        tokenizer.save(partial)

    write_folder(folder, fill)


def _own(folder: Path, architecture: Architecture) -> Transformer:
    model = Transformer(architecture)
    try:
        load_weights(model, read_weights(folder), str(folder))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"The weights in {folder} cannot be read: {error}.") from error
    return model


def _pretrained(path_or_name: str) -> LanguageModel:
    try:
        import transformers
    except ImportError:
        raise MissingPackage("transformers", f"The model {path_or_name}") from None
    from optimization.policy.pretrained import PretrainedModel

    if Path(path_or_name).is_absolute() and not Path(path_or_name).is_dir():
        raise CheckpointError(
            f"The model {path_or_name} cannot be loaded: there is no such folder on this machine."
        )
    try:
        inner: Any = transformers.AutoModelForCausalLM.from_pretrained(path_or_name)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The model {path_or_name} cannot be loaded: {error}") from error
    return PretrainedModel(inner)


def _adapted(folder: Path) -> tuple[LanguageModel, Tokenizer]:
    config = json.loads((folder / ADAPTER_CONFIG).read_text())
    base = config.get("base_model_name_or_path")
    if not base:
        raise CheckpointError(f"The adapters in {folder} do not say which model they were made for.")
    model, tokenizer = load_model(base)
    names = tuple(name.removeprefix("transformer.") for name in config["target_modules"])
    add_lora(model, Lora(rank=config["r"], alpha=config["lora_alpha"], targets=names), seed=0)
    load_weights(model, read_weights(folder), str(folder))
    return model, tokenizer


def _config(folder: Path) -> dict[str, Any] | None:
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text())
    except FileNotFoundError:
        return None
    except (OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{folder / CONFIG} cannot be read: {error}.") from error
    return config
