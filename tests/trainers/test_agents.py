"""Agents on disk: JSON, whole or not at all, and only what was saved from the same agent is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from optimization.core import Module
from optimization.trainers import load_agent, save_agent
from tests.optimizers.models import Chain
from tests.trainers.agents import Writer


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def agent_file(path: Path, parameters: Any) -> Path:
    return written(
        path, json.dumps({"format": "handgrad.agent/1", "program": "Chain", "parameters": parameters})
    )


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    agent = Chain(2)
    agent.step1.prompt.value = "Schreibe „höflich“. ☕"
    path = save_agent(agent, tmp_path / "deep" / "agent.json", iteration=3)
    assert load_agent(Chain(2), path).state_dict() == agent.state_dict()
    assert json.loads(path.read_text())["about"] == {"iteration": 3}
    assert "☕" in path.read_text()


def test_a_file_is_replaced_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    for text in ("one", "two"):
        save_agent(Writer(text), path)
    assert load_agent(Writer(), path).state_dict() == {"prompt": "two"}
    assert [file.name for file in tmp_path.iterdir()] == ["agent.json"]


@pytest.mark.parametrize("cut", [0, 10, 60, -3])
def test_a_truncated_file_is_no_agent(tmp_path: Path, cut: int) -> None:
    path = save_agent(Writer("better"), tmp_path / "agent.json")
    agent = Writer("p")
    with pytest.raises(ValueError, match="agent.json is not an agent saved as JSON"):
        load_agent(agent, written(path, path.read_text()[:cut]))
    assert agent.prompt.value == "p"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\x80\x04 a pickle", "not an agent saved as JSON"),
        ("[1, 2]", "its format should be 'handgrad.agent/1'"),
        ('{"format": "handgrad.agent/9", "parameters": {}}', "its format should be 'handgrad.agent/1'"),
        ('{"format": "handgrad.agent/1"}', "no texts by name"),
        ('{"format": "handgrad.agent/1", "parameters": ["a"]}', "no texts by name"),
        ('{"format": "handgrad.agent/1", "parameters": {"prompt": 5}}', "no texts by name"),
    ],
)
def test_a_file_of_another_make_is_named_with_what_is_wrong(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        load_agent(Writer(), written(tmp_path / "agent.json", text))


@pytest.mark.parametrize(
    ("agent", "parameters", "words"),
    [
        (Writer, {"step0.prompt": "x"}, "it has no value for the parameter 'prompt'"),
        (
            Writer,
            {"prompt": "x", "step0.prompt": "x"},
            "it has a parameter 'step0.prompt', and this one has prompt",
        ),
        (Chain, {"step0.prompt": "x"}, "it has no value for the parameter 'step1.prompt'"),
    ],
)
def test_the_file_of_another_agent_is_refused_and_nothing_is_changed(
    tmp_path: Path, agent: type[Module], parameters: dict[str, str], words: str
) -> None:
    loading = agent()
    before = loading.state_dict()
    with pytest.raises(ValueError, match=f"saved from another agent, a Chain: {words}"):
        load_agent(loading, agent_file(tmp_path / "agent.json", parameters))
    assert loading.state_dict() == before
