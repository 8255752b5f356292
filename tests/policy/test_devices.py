"""Which device a job gets, how precisely it computes there, and what is said of memory and packages that are not there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import torch

from optimization.policy.config import Lora
from optimization.policy.devices import computing, memory_in_words
from optimization.policy.errors import MissingPackage, OutOfMemory
from optimization.policy.jobs import leasing
from optimization.policy.jobs.leasing import leased, visible_gpus
from optimization.policy.lora import add_lora
from optimization.policy.models import load_model
from tests.policy.builders import ppo, tiny

CPU = torch.device("cpu")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(leasing, "POLL", 0.01)


# -- leases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "gpus"), [("", []), ("-1", []), ("2", ["2"]), ("0, 3", ["0", "3"])], ids=str
)
def test_the_gpus_are_those_that_the_environment_names(
    named: str, gpus: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)

    assert visible_gpus() == gpus


async def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    async with leased("auto", 1, tmp_path) as device:
        assert device == "cpu"
    with pytest.raises(ValueError, match="1 of the GPUs cuda were asked for, and this machine has none"):
        async with leased("cuda", 1, tmp_path):
            pass


@pytest.mark.usefixtures("two_gpus")
async def test_a_gpu_is_one_jobs_at_a_time_and_a_third_waits_for_one(tmp_path: Path) -> None:
    async with leased("auto", 1, tmp_path) as first:
        async with leased("auto", 1, tmp_path) as second:
            assert {first, second} == {"cuda:0", "cuda:1"}
            third = asyncio.create_task(_leased_once("auto", tmp_path))
            await asyncio.sleep(0.05)
            assert not third.done()
        assert await asyncio.wait_for(third, 10) == second


@pytest.mark.usefixtures("two_gpus")
async def test_a_job_of_two_processes_gets_both_and_one_of_three_is_refused(tmp_path: Path) -> None:
    async with leased("cuda", 2, tmp_path) as device:
        assert device == "cuda:0,1"
    with pytest.raises(ValueError, match="3 of the GPUs cuda were asked for"):
        async with leased("cuda", 3, tmp_path):
            pass


@pytest.mark.usefixtures("two_gpus")
async def test_the_one_that_is_named_is_waited_for(tmp_path: Path) -> None:
    async with leased("cuda:1", 1, tmp_path) as device:
        assert device == "cuda:1"
        other = asyncio.create_task(_leased_once("cuda:1", tmp_path))
        await asyncio.sleep(0.05)
        assert not other.done()
    assert await asyncio.wait_for(other, 10) == "cuda:1"


async def _leased_once(wanted: str, locks: Path) -> str:
    async with leased(wanted, 1, locks) as device:
        return device


# -- precision and memory --------------------------------------------------------------------------------------


def test_in_bfloat16_products_are_rounded_and_weights_and_log_probabilities_stay_float32() -> None:
    exact, rounded = ppo(precision="float32"), ppo(precision="bfloat16")
    rollouts = exact.roll_out()

    log_probs = [trainer.log_prob_step(trainer.assemble(rollouts, [1.0] * 4)) for trainer in (exact, rounded)]
    rounded.step(rounded.assemble(rollouts, [1.0, 0.0, 1.0, 0.0]))

    assert not torch.equal(*log_probs)
    torch.testing.assert_close(*log_probs, rtol=0.05, atol=0.1)
    assert {each.dtype for each in (*log_probs, *rounded.policy.parameters())} == {torch.float32}


def test_a_cpu_computes_in_float32_by_itself() -> None:
    with computing(CPU, "auto"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with computing(CPU, "bfloat16"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "said",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
    ],
)
def test_whatever_an_allocator_raises_is_said_with_what_to_lower(said: Exception) -> None:
    with (
        pytest.raises(
            OutOfMemory, match="The memory did not suffice for training; nothing was lost. Lower it."
        ),
        memory_in_words("training", "Lower it."),
    ):
        raise said


def test_an_allocator_that_really_fails_is_understood() -> None:
    """No machine has so much: torch's own words are read."""
    with (
        pytest.raises(OutOfMemory, match="did not suffice for the rollouts"),
        memory_in_words("the rollouts", "."),
    ):
        torch.empty(2**58)


def test_another_error_is_left_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_in_words("training", "."):
        raise RuntimeError("shapes do not fit")


# -- packages --------------------------------------------------------------------------------------------------


def test_a_model_of_transformers_without_transformers_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)

    with pytest.raises(
        MissingPackage, match="some/model needs the package transformers.*pip install transformers"
    ):
        load_model("some/model")


def test_adapters_without_peft_say_what_to_install_and_leave_the_model_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    model = tiny()

    with pytest.raises(MissingPackage, match="LoRA needs the package peft.*pip install peft"):
        add_lora(model, Lora(), seed=0)
    assert model.lora is None
    assert all(weight.requires_grad for weight in model.parameters())
