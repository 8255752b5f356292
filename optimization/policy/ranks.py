"""Several processes that train one model, each holding a part of it: torchrun and FSDP2 (`fully_shard`)."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from optimization.policy.language_model import LanguageModel


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, rows: int) -> Tensor:
        """The rows that are this process's; with fewer rows than processes, some have none."""
        return torch.arange(rows).tensor_split(self.count)[self.rank]

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over all processes; every one must ask."""
        if self.count > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def most(self, number: int, device: torch.device) -> int:
        """The largest of all processes' numbers; every one must ask."""
        if self.count == 1:
            return number
        tensor = torch.tensor(number, device=device)
        torch.distributed.all_reduce(tensor, torch.distributed.ReduceOp.MAX)
        return int(tensor)

    def wait(self) -> None:
        """Go on when all are here."""
        if self.count > 1:
            torch.distributed.barrier()


ALONE = Ranks()


def join() -> Ranks:
    """Meet the processes that torchrun started beside this one; alone where it started none."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return ALONE
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
    return Ranks(torch.distributed.get_rank(), count)


def leave(ranks: Ranks) -> None:
    if ranks.count > 1:
        torch.distributed.destroy_process_group()


def shard(model: LanguageModel, device: torch.device) -> None:
    """Cut the model's weights among the processes, block by block; each block is put together while it computes."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for block in _blocks(model):
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    register_fsdp_forward_method(model, "log_probs")


def _blocks(model: nn.Module) -> list[nn.Module]:
    """The layers: the members of the module list that holds the most weights."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    weights = {id(each): sum(weight.numel() for weight in each.parameters()) for each in lists}
    return [*max(lists, key=lambda each: weights[id(each)], default=nn.ModuleList())]
