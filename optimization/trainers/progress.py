"""Progress bars on the console: one for the iterations, one for the examples of the effect that runs."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

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


class RichProgress:
    """A callback for `train` that draws; use it as a context manager."""

    def __init__(
        self, trainer: Trainer, description: str = "training", console: Console | None = None
    ) -> None:
        self._trainer = trainer
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=False,
        )
        self._iterations = self._bars.add_task(description, total=None)
        self._effect = self._bars.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        match event.kind:
            case EventKind.TRAIN_BEGUN:
                total = iterations_left(self._trainer.plan, self._trainer.sizes["train"], event.data["state"])
                self._bars.update(self._iterations, total=total)
            case EventKind.EFFECT_BEGUN:
                self._bars.reset(
                    self._effect,
                    description=_DOING.get(event.data["effect"].kind, event.data["effect"].kind),
                    total=event.data["examples"] or None,
                    visible=True,
                )
            case EventKind.EXAMPLE_DONE:
                self._bars.advance(self._effect)
            case EventKind.ITERATION_DONE:
                state = event.data["state"]
                scores = (
                    (name, score) for name, score in (("train", state.score), ("test", state.test_score))
                )
                told = ", ".join(f"{name} {score:.3f}" for name, score in scores if score is not None)
                self._bars.update(
                    self._iterations, advance=1, description=f"training ({told})" if told else "training"
                )
            case EventKind.TRAIN_DONE:
                self._bars.update(self._effect, visible=False)
