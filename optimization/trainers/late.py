"""An iteration of late answers alone: the driver joins their feedback to the backward, and a step is taken from it."""

from __future__ import annotations

from optimization.trainers.effects import Backward, Propose, TrainerState
from optimization.trainers.trainer import Steps, Trainer

LATE_ANSWERS = "late_answers"
"""In a state's memory: the iteration that begins there is one of late answers alone."""


def late_iteration(trainer: Trainer, state: TrainerState) -> Steps[TrainerState]:
    """No output is made or judged; the state after it is the one before, but for the step."""
    memory = {name: kept for name, kept in state.memory.items() if name != LATE_ANSWERS}
    state = state.model_copy(update={"memory": memory, "iteration": state.iteration + 1})
    yield Backward(outcomes=(), aggregate=bool(getattr(trainer, "aggregate", False)))
    (proposal,) = yield Propose(candidate=state.candidate)
    return (yield from trainer.committed(state, proposal))
