"""What is seen of a training: bars in a terminal, one line elsewhere, plain lines above the bars, an event for each thing."""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any

import pytest
from rich.console import Console

from optimization.trainers import Event, EventKind, MinibatchAlgorithm
from optimization.trainers.progress import RichProgress
from tests.trainers.agents import Writer, agent_and_optimizer, dataset, marks

DATA = dataset("a", "bad", "c")


class Screen:
    """A terminal that keeps each frame that is drawn, without its colours."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, force_terminal=True, width=100)

    @property
    def frames(self) -> list[str]:
        uncoloured = re.sub(r"\x1b\[[0-9;]*m", "", self.file.getvalue())
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", uncoloured)
        return [line.strip() for line in plain.splitlines() if line.strip()]


async def drawn(**settings: Any) -> str:
    """All that was drawn, refreshed at each event."""
    agent, optimizer, _ = agent_and_optimizer()
    trainer, screen = MinibatchAlgorithm(agent, optimizer), Screen()
    with RichProgress(trainer, console=screen.console) as progress:

        def draw(event: Event) -> None:
            progress(event)
            progress._bars.refresh()

        await trainer.train(marks, DATA, test_dataset=dataset("t"), callbacks=[draw], **settings)
    return " ".join(screen.frames)


async def test_the_bars_say_what_is_done_and_how_much_of_it() -> None:
    told = re.sub(r"[━╸╺ ]+", " ", await drawn(batch_size=2, num_epochs=1))
    for what in (
        "judging the batch 1/2",
        "judging the batch 2/2",
        "evaluating 1/1",
        "training (train 0.000, test 0.250) 1/2",
    ):
        assert what in told
    for what in ("writing proposals", "carrying feedback back", "applying"):
        assert re.search(rf"{what} \d:\d\d", told), f"{what} has a number of something"
    assert told.rstrip().endswith("0:00:00")
    assert "test 0.250) 2/2" in told


async def test_iterations_without_an_end_are_counted_alone() -> None:
    told = re.sub(
        r"[━╸╺ ]+",
        " ",
        await drawn(
            num_epochs=None, stoppers=[lambda progress: "enough" if progress.state.iteration == 2 else None]
        ),
    )
    assert "test 0.250) 2 0:" in told or "test 0.500) 2 0:" in told
    assert "/?" not in told


async def test_an_evaluation_is_one_bar_under_its_description(capsys: pytest.CaptureFixture[str]) -> None:
    await MinibatchAlgorithm().evaluate(Writer(), marks, ["a", "b"], [1, 2], description="the last test")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the last test")
    assert "2/2" in line


async def test_without_a_terminal_there_is_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(marks, dataset("a"), verbose=True)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "training" in line]
    assert "training (train 0.000)" in line
    assert "1/1" in line
    assert "\x1b" not in line


def test_a_log_on_the_terminal_is_written_above_the_bars_and_then_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, logger = Screen(), logging.Logger("mine")
    monkeypatch.setattr(sys, "stderr", screen.file)
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    with RichProgress(MinibatchAlgorithm(), console=screen.console, logger=logger):
        assert handler.stream is not screen.file
        logger.warning("an example raised")
    assert handler.stream is screen.file
    assert "an example raised" in screen.frames
    assert screen.frames[-1].startswith("training")


def test_a_log_goes_on_after_bars_that_no_terminal_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    file, logger = io.StringIO(), logging.Logger("mine")
    monkeypatch.setattr(sys, "stderr", file)
    logger.addHandler(logging.StreamHandler())
    with RichProgress(MinibatchAlgorithm(), logger=logger):
        logger.warning("during")
    logger.warning("after")
    assert file.getvalue().splitlines()[0] == "during"
    assert file.getvalue().splitlines()[-1] == "after"


async def test_outputs_are_shown_on_the_terminal_where_no_log_is_set_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    logger = logging.getLogger("handgrad.alone")
    monkeypatch.setattr(logger, "propagate", False)
    await MinibatchAlgorithm(agent, optimizer, logger=logger).train(marks, dataset("a"), verbose="output")
    shown = capsys.readouterr().err.splitlines()
    assert "train example 0 scored 0.0: a:p" in shown
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


async def test_every_kind_of_event_is_told() -> None:
    agent, optimizer, _ = agent_and_optimizer()
    told: list[Event] = []
    await MinibatchAlgorithm(agent, optimizer).train(marks, DATA, batch_size=3, callbacks=[told.append])
    assert {event.kind for event in told} == set(EventKind) - {EventKind.AGENT_SAVED}
    outcomes = [event.data["outcome"] for event in told if event.kind is EventKind.EXAMPLE_DONE]
    assert [outcome.example for outcome in outcomes if outcome.error] == [1]
    assert told[-1].data["reason"] == "Finished after 1 epoch."
