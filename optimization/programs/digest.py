"""The identity of a program: a run pins it, and notices when the program that it finds again is another one."""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import Any

from optimization.core import LLMInference, Module, Template
from optimization.core.constraints import constraint_to_json
from optimization.programs.build import JsonProgram
from optimization.programs.spec import read_program


def program_digest(program: Module | dict[str, Any]) -> str:
    """SHA-256 over a program's graph, initial values and source; of a JSON program over its JSON.

    Give a freshly built module: values that were learned would count.
    """
    if isinstance(program, dict):
        identity: Any = read_program(program).model_dump(mode="json")
    elif isinstance(program, JsonProgram):
        identity = program.spec.model_dump(mode="json")
    else:
        identity = [_identity(path, module) for path, module in program.named_modules()]
    canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _identity(path: str, module: Module) -> dict[str, Any]:
    kind = type(module)
    return {
        "path": path,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "source": _source(kind),
        "settings": _settings(module),
        "parameters": {
            name: [p.value, p.description, p.requires_grad, [constraint_to_json(c) for c in p.constraints]]
            for name, p in module.own_parameters().items()
        },
    }


def _settings(module: Module) -> dict[str, Any]:
    match module:
        case LLMInference():
            names: tuple[str, ...] = ("alias", "temperature", "max_tokens")
            return {name: getattr(module, name) for name in names} | {"schema": module.schema}
        case Template():
            return {"text": str(module.text)}
    return {}


def _source(kind: type[Module]) -> str:
    """The class's source; of the library's own modules, and where there is no source, the name alone counts."""
    if kind.__module__.startswith("optimization.core"):
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""
