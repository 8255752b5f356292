"""An agent on disk: its parameter values as JSON, never a pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optimization.core import Module

FORMAT = "handgrad.agent/1"


def save_agent(agent: Module, path: str | Path, **about: Any) -> Path:
    """Write the agent's parameter values; `about` says more, for people. The file is there whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "format": FORMAT,
        "program": type(agent).__name__,
        "parameters": agent.state_dict(),
        "about": about,
    }
    draft = target.with_name(target.name + ".part")
    draft.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, target)
    return target


def load_agent(agent: Module, path: str | Path) -> Module:
    """Give the agent the values in the file. ValueError if it is not an agent's; KeyError for a foreign parameter."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not an agent saved as JSON: {error}.") from None
    if not (isinstance(data, dict) and data.get("format") == FORMAT):
        raise ValueError(f"{path} is not a saved agent: its format should be {FORMAT!r}.")
    agent.load_state_dict(data["parameters"])
    return agent
