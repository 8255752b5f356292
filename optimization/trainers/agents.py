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
    """Give the agent the values in the file, all of them or none.

    ValueError if the file is not an agent's, or one of other parameters: it lacks some, or has others.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not an agent saved as JSON: {error}.") from None
    if not (isinstance(data, dict) and data.get("format") == FORMAT):
        raise ValueError(f"{path} is not a saved agent: its format should be {FORMAT!r}.")
    values = data.get("parameters")
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"{path} is a spoilt agent: its parameters are no texts by name.")
    known = agent.state_dict()
    if differing := sorted(known.keys() ^ values.keys()):
        raise ValueError(
            f"{path} was saved from another agent, a {data.get('program')}: {_where(differing[0], known)}. Build the "
            "agent that it was saved from."
        )
    agent.load_state_dict(values)
    return agent


def _where(name: str, known: dict[str, str]) -> str:
    if name in known:
        return f"it has no value for the parameter {name!r}"
    return f"it has a parameter {name!r}, and this one has {', '.join(known) or 'none'}"
