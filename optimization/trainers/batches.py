"""The order in which examples are used: each epoch a shuffle of its own, the same for the same seed everywhere."""

from __future__ import annotations

import random

from optimization.trainers.effects import TrainerState
from optimization.trainers.plan import Plan


def epoch_order(size: int, seed: int, epoch: int) -> list[int]:
    """The examples 0..size-1 in the order of an epoch."""
    order = list(range(size))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return order


def next_batch(state: TrainerState, size: int, batch_size: int) -> tuple[tuple[int, ...], TrainerState]:
    """The next examples, and the state after them; the last batch of an epoch may be short."""
    order = epoch_order(size, state.seed, state.epoch)
    batch = tuple(order[state.cursor : state.cursor + batch_size])
    cursor = state.cursor + len(batch)
    moved = {"epoch": state.epoch + 1, "cursor": 0} if cursor >= size else {"cursor": cursor}
    return batch, state.model_copy(update=moved)


def iterations_left(plan: Plan, size: int, state: TrainerState) -> int | None:
    """How many batches there are until the last epoch ends, or None where none is the last."""
    if plan.num_epochs is None:
        return None
    per_epoch = -(-size // plan.batch_size)
    return max((plan.num_epochs - state.epoch) * per_epoch - state.cursor // plan.batch_size, 0)
