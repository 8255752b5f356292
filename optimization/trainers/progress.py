"""Progress bars on the console: one for the iterations, one for the examples of the effect that runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from optimization.trainers.batches import iterations_left
from optimization.trainers.events import Event, EventKind
from optimization.trainers.trainer import Trainer

_DOING = {
    "forward": "judging the batch",
    "evaluate": "evaluating",
    "backward": "carrying feedback back",
    "propose": "writing proposals",
    "merge": "merging",
    "approve": "waiting for approval",
    "commit": "applying",
}


class _Done(MofNCompleteColumn):
    """How many of how many; nothing of what has no number."""

    def render(self, task: Task) -> Text:
        if task.total is not None:
            return super().render(task)
        return Text(f"{task.completed:g}" if task.completed else "", style="progress.download")


class RichProgress:
    """A callback for `train` and `evaluate` that draws; use it as a context manager.

    Without a `trainer` there are no iterations, and the examples stand under the `description`. Lines that `logger`
    writes to the terminal meanwhile stand above the bars.
    """

    def __init__(
        self,
        trainer: Trainer | None,
        description: str = "training",
        console: Console | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        self._trainer = trainer
        self._description = description
        self._logger = logger
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _Done(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
        )
        self._iterations = self._bars.add_task(description, total=None) if trainer is not None else None
        self._effect: TaskID | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        streams = {id(sys.stdout), id(sys.stderr)}
        self._bars.start()
        self._open.callback(self._bars.stop)
        if self._logger is not None:
            self._open.enter_context(_above_the_bars(self._logger, streams))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __call__(self, event: Event) -> None:
        match event.kind:
            case EventKind.TRAIN_BEGUN if self._trainer is not None and self._iterations is not None:
                total = iterations_left(self._trainer.plan, self._trainer.sizes["train"], event.data["state"])
                self._bars.update(self._iterations, total=total)
            case EventKind.EFFECT_BEGUN:
                self._begin(event)
            case EventKind.EXAMPLE_DONE if self._effect is not None:
                self._bars.advance(self._effect)
            case EventKind.ITERATION_DONE if self._iterations is not None:
                state = event.data["state"]
                scores = (
                    (name, score) for name, score in (("train", state.score), ("test", state.test_score))
                )
                told = ", ".join(f"{name} {score:.3f}" for name, score in scores if score is not None)
                described = f"{self._description} ({told})" if told else self._description
                self._bars.update(self._iterations, advance=1, description=described)
            case EventKind.TRAIN_DONE:
                self._end()

    def _begin(self, event: Event) -> None:
        """A bar for the effect in place of the last one's: a bar that has a total never loses it again."""
        self._end()
        kind = event.data["effect"].kind
        doing = _DOING.get(kind, kind) if self._trainer is not None else self._description
        self._effect = self._bars.add_task(doing, total=event.data["examples"] or None)

    def _end(self) -> None:
        if self._effect is not None:
            self._bars.remove_task(self._effect)
            self._effect = None


@contextmanager
def _above_the_bars(logger: logging.Logger, streams: set[int]) -> Iterator[None]:
    """Handlers that write to one of `streams` write to what stands in its place while bars are drawn."""
    found: logging.Logger | None = logger
    moved: list[tuple[logging.StreamHandler[Any], Any]] = []
    while found is not None:
        for handler in found.handlers:
            if isinstance(handler, logging.StreamHandler) and id(handler.stream) in streams:
                moved.append((handler, handler.stream))  # setStream answers None where nothing changes
                handler.setStream(sys.stderr)
        found = found.parent if found.propagate else None
    try:
        yield
    finally:
        for handler, stream in moved:
            handler.setStream(stream)
