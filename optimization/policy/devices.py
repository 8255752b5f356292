"""Where a policy is computed, how precisely, and what is said when its memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from optimization.policy.config import Precision
from optimization.policy.errors import OutOfMemory

# How torch's allocators of CUDA and of the CPU say it, where they raise no type of their own.
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def choose_device(wanted: str = "auto") -> torch.device:
    """The device of that name; "auto" is the first GPU, or the CPU. ValueError in words if it is not there."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"There is no device {wanted}: this machine has {torch.cuda.device_count()} GPUs that torch can use."
        )
    return device


def computing(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """In bfloat16 where asked, or by itself where a GPU has it; weights, sums and log-probabilities stay float32."""
    on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if precision == "bfloat16" or (precision == "auto" and on_gpu):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


@contextmanager
def memory_in_words(task: str, remedy: str) -> Iterator[None]:
    """Raises OutOfMemory, with what to do, for what the device's allocator raises."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in NO_MEMORY):
            raise
        raise OutOfMemory(
            f"The memory did not suffice for {task}; nothing was lost. {remedy} "
            f"({str(error).strip().splitlines()[0] if str(error) else 'MemoryError'})"
        ) from error
