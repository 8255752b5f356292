"""`train` and `evaluate`: an algorithm driven to its end in this process (opto's `train`, with the durable run's core)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from inspect import signature
from pathlib import Path
from time import monotonic
from typing import Any

from optimization.core import Module
from optimization.trainers.agents import save_agent
from optimization.trainers.checks import (
    check_bound,
    check_fitting,
    check_keywords,
    check_names,
    check_trained,
    checked,
    several,
)
from optimization.trainers.driver import Approver, Dataset, Driver
from optimization.trainers.effects import Evaluate, Outcome, Split, TrainerState
from optimization.trainers.events import Callback, Event, EventKind
from optimization.trainers.guide import Judge, check_guide
from optimization.trainers.progress import RichProgress
from optimization.trainers.stoppers import Progress, Stopper
from optimization.trainers.trainer import Trainer

Scores = list[float | None]


async def train(
    trainer: Trainer,
    guide: Judge,
    train_dataset: Dataset,
    *,
    validate_dataset: Dataset | None = None,
    validate_guide: Judge | None = None,
    test_dataset: Dataset | None = None,
    test_guide: Judge | None = None,
    log_frequency: int | None = None,
    save_frequency: int | None = None,
    save_path: str | Path = "checkpoints/agent.json",
    verbose: bool | str = False,
    num_threads: int | None = None,
    seed: int = 0,
    approver: Approver | None = None,
    stoppers: Sequence[Stopper] = (),
    callbacks: Sequence[Callback] = (),
    **arguments: Any,
) -> tuple[Scores, float | None]:
    """The training score of each iteration, and the last test score.

    `arguments` are those of the algorithm's `Plan`. Datasets are {"inputs": [...], "infos": [...]}; an input that is a
    dict is given to the agent by keywords. Guides default to `guide`. A frequency of 0 means never; log_frequency
    defaults to eval_frequency. `verbose` shows progress bars, and with "output" logs each output.
    """
    agent = check_trained(trainer)
    check_names(trainer, arguments, signature(train))
    check_keywords(log_frequency, save_frequency, save_path, verbose, seed)
    if approver is not None and not arguments.get("approve"):
        raise ValueError("The approver would never be asked: give approve=True too.")
    told, asked = several("callbacks", callbacks), several("stoppers", stoppers)
    given: dict[Split, Dataset | None] = {
        "train": train_dataset,
        "validate": validate_dataset,
        "test": test_dataset,
    }
    datasets: dict[Split, Dataset] = {
        split: checked(split, data) for split, data in given.items() if data is not None
    }
    guides: dict[Split, Judge] = {
        "train": guide,
        "validate": validate_guide or guide,
        "test": test_guide or guide,
    }
    for each in guides.values():
        check_guide(each)
    state = trainer.prepare(
        {split: len(data["inputs"]) for split, data in datasets.items()}, seed=seed, **arguments
    )
    log_every = trainer.plan.eval_frequency if log_frequency is None else log_frequency
    with ExitStack() as stack:
        listeners: list[Callback] = [*told, Log(trainer.logger, log_every, outputs=verbose == "output")]
        if verbose == "output":
            stack.enter_context(shown(trainer.logger))
        if verbose:
            listeners.append(stack.enter_context(RichProgress(trainer, logger=trainer.logger)))
        driver = Driver(
            agent,
            trainer.optimizer,
            datasets,
            guides,
            num_threads=trainer.num_threads if num_threads is None else num_threads,
            callbacks=tuple(listeners),
            approver=approver,
        )
        check_fitting(trainer, guides, datasets)
        check_bound(agent, trainer.optimizer, *guides.values())
        return await _drive(driver, trainer, state, asked, save_frequency or 0, save_path)


async def _drive(
    driver: Driver,
    trainer: Trainer,
    state: TrainerState,
    stoppers: Sequence[Stopper],
    save_frequency: int,
    save_path: str | Path,
) -> tuple[Scores, float | None]:
    began, spent = monotonic(), _dollars(driver)
    train_scores: Scores = []
    test_scores: Scores = []
    driver.tell(EventKind.TRAIN_BEGUN, state=state)
    reason = trainer.finished(state)
    while reason is None:
        driver.tell(EventKind.ITERATION_BEGUN, state=state)
        state = await driver.run(trainer, state)
        driver.tell(EventKind.ITERATION_DONE, state=state)
        train_scores.append(state.score)
        if trainer.tests_after(state.iteration):
            test_scores.append(state.test_score)
        if save_frequency and state.iteration % save_frequency == 0:
            saved = save_agent(
                driver.agent, save_path, iteration=state.iteration, test_score=state.test_score
            )
            driver.tell(EventKind.AGENT_SAVED, path=saved)
        progress = Progress(
            state, tuple(train_scores), tuple(test_scores), monotonic() - began, _dollars(driver) - spent
        )
        reason = trainer.finished(state) or next(filter(None, (stop(progress) for stop in stoppers)), None)
    driver.tell(EventKind.TRAIN_DONE, state=state, reason=reason)
    return train_scores, state.test_score


async def evaluate(
    trainer: Trainer,
    agent: Module,
    guide: Judge,
    xs: Sequence[Any],
    infos: Sequence[Any],
    min_score: float | None = None,
    num_samples: int = 1,
    num_threads: int | None = None,
    description: str | None = None,
) -> float | None:
    """The agent's mean score on the data, or None where nothing has a score. Nothing is recorded or changed.

    An example that raises scores `min_score`, or is left out. With a `description` progress is shown under it.
    """
    check_guide(guide)
    if not isinstance(num_samples, int) or num_samples < 1:
        raise ValueError(f"num_samples is a whole number, 1 or more, not {num_samples!r}.")
    data = checked("test", {"inputs": xs, "infos": infos})
    with ExitStack() as stack:
        bars = (
            [stack.enter_context(RichProgress(None, description, logger=trainer.logger))]
            if description
            else []
        )
        driver = Driver(
            agent,
            None,
            {"test": data},
            {"test": guide},
            num_threads=trainer.num_threads if num_threads is None else num_threads,
            callbacks=tuple(bars),
        )
        effect = Evaluate(candidate="initial", examples=tuple(range(len(xs))), samples=num_samples)
        outcomes: Iterable[Outcome] = (await driver.carry_out(effect)).outcomes
    scores = [min_score if outcome.error else outcome.score for outcome in outcomes]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


@contextmanager
def shown(logger: logging.Logger) -> Iterator[None]:
    """The logger's plain lines, written to the terminal where nobody has said where they go."""
    handler, level = logging.StreamHandler(), logger.level
    alone = not logger.hasHandlers()
    if alone:
        logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class Log:
    """Plain logging: a line for every `frequency` iterations, one for each example that raised."""

    def __init__(self, logger: logging.Logger, frequency: int, outputs: bool) -> None:
        self.logger = logger
        self.frequency = frequency
        self.outputs = outputs

    def __call__(self, event: Event) -> None:
        match event.kind:
            case EventKind.EXAMPLE_DONE:
                outcome: Outcome = event.data["outcome"]
                which = f"{event.data['effect'].split} example {outcome.example}"
                if outcome.error:
                    self.logger.warning("%s raised: %s", which, outcome.error)
                elif self.outputs:
                    self.logger.info("%s scored %s: %s", which, outcome.score, outcome.output)
            case EventKind.ITERATION_DONE:
                state: TrainerState = event.data["state"]
                if self.frequency and state.iteration % self.frequency == 0:
                    self.logger.info(
                        "iteration %d: train score %s, test score %s",
                        state.iteration,
                        state.score,
                        state.test_score,
                    )
            case EventKind.AGENT_SAVED:
                self.logger.info("agent saved to %s", event.data["path"])
            case EventKind.TRAIN_DONE:
                self.logger.info("%s", event.data["reason"])


def _dollars(driver: Driver) -> float:
    """What the resources of agent, optimizer and guides have cost so far, where they count it."""
    owners = [*driver.agent.modules(), driver.optimizer, *driver.guides.values()]
    bound = {
        id(found): found for owner in owners if (found := getattr(owner, "_resources", None)) is not None
    }
    return float(sum(found.usage.cost for found in bound.values() if hasattr(found, "usage")))
